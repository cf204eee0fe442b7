/** The list of Docker's flags that have another effect here than in Docker, from the flags' definitions. */
import { createFlags } from "../engine/cli/commands/container/options/create-flags.ts";
import type { Flags } from "../engine/cli/flags.ts";
import { globalFlags } from "../engine/cli/global-flags.ts";

const begin = "<!-- listed by `npm run list-flags` -->";
const end = "<!-- end of the list -->";

function rows(flags: Flags): string[] {
  return Object.entries(flags)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, { short, support }]) => {
      if (!support) return [];
      const title = short === undefined ? `--${name}` : `-${short}, --${name}`;
      const hint = support.hint === undefined ? "" : `. ${support.hint}`;
      return [`| \`${title}\` | ${support.kind} | ${support.reason}${hint} |`];
    });
}

/** README.md's text with the list as it should be. */
export function withFlagList(text: string): string {
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`README.md lacks ${begin} or ${end}`);
  const list = [
    ...["| `run`, `create` | | |", "| --- | --- | --- |", ...rows(createFlags)],
    ...["", "| before the verb | | |", "| --- | --- | --- |", ...rows(globalFlags)],
  ].join("\n");
  return `${before}${begin}\n\n${list}\n\n${end}${after}`;
}
