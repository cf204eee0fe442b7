import { networkPrune } from "../../../protocol/index.ts";
import { defineCommand } from "../../command.ts";
import { filtersOf, pruneFilterFlag } from "../../filters.ts";
import { booleanFlag } from "../../flags.ts";
import type { OutputStream } from "../../io.ts";
import { confirm } from "../../terminal/confirm.ts";

const flags = {
  filter: pruneFilterFlag('Provide filter values (e.g. "until=<timestamp>")'),
  force: booleanFlag("f", "Do not prompt for confirmation"),
} as const;

const warning = "WARNING! This will remove all custom networks not used by at least one container.";

export const networkPruneCommand = defineCommand({
  summary: "Remove all unused networks",
  usage: "[OPTIONS]",
  arguments: { min: 0, max: 0 },
  flags,
  async run({ flags, io, connect }) {
    if (!flags.force && !(await confirm(io, warning))) return 0;
    const engine = await connect();
    const { deleted } = await engine.request(networkPrune, { filters: filtersOf(flags.filter) });
    listDeletedNetworks(io.stdout, deleted);
    return 0;
  },
});

/** Docker's list of what a prune took away; nothing for nothing. */
export function listDeletedNetworks(out: OutputStream, names: readonly string[]): void {
  if (names.length > 0) out.write(`Deleted Networks:\n${names.join("\n")}\n\n`);
}
