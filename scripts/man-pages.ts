/** Manual pages, from the commands' definitions, as man(7) wants them. */
import type { Command } from "../engine/cli/command.ts";
import { groups, type VerbGroup, verbs } from "../engine/cli/command-table.ts";
import type { Flag, Flags } from "../engine/cli/flags.ts";
import { globalFlags } from "../engine/cli/global-flags.ts";
import { clientVersion } from "../engine/cli/version.ts";

const program = "mocker";
const tagline = "Docker for microVMs: every container is a virtual machine of its own";

/** Groups by another name for one of them. */
const otherNames: ReadonlySet<string> = new Set(["vm"]);

/** Text that stands for itself: no macro, no escape, and ASCII's hyphen and quotes. */
function plain(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replaceAll("…", "...")
    .replaceAll(/[^\x20-\x7e\n]/gu, (character) => `\\[u${unicode(character)}]`)
    .split("\n")
    .map((line) => line.replace(/^\./, "\\&."))
    .join("\n.br\n");
}

/** As groff_char(7) names characters beyond ASCII. */
function unicode(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}

/** One argument of a macro. */
function quoted(text: string): string {
  return `"${plain(text).replaceAll('"', "\\(dq")}"`;
}

function bold(text: string): string {
  return `\\fB${plain(text)}\\fR`;
}

function header(page: string, date: string): string {
  const title = quoted(page.toUpperCase());
  return `.TH ${title} 1 "${date}" ${quoted(`Mocker ${clientVersion}`)} "Mocker Manual"`;
}

function section(title: string, ...lines: string[]): string {
  return [`.SH ${title}`, ...lines].join("\n");
}

function item(title: string, text: string): string {
  return `.TP\n${title}\n${text}`;
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function flagTitle(name: string, { short, valueName }: Flag<unknown>): string {
  const names = [...(short === undefined ? [] : [`-${short}`]), `--${name}`].map(bold).join(", ");
  return valueName === "" ? names : `${names} \\fI${plain(valueName)}\\fR`;
}

function sorted(flags: Flags): [string, Flag<unknown>][] {
  return Object.entries(flags).sort(([a], [b]) => (a < b ? -1 : 1));
}

function flagSections(flags: Flags): string[] {
  const shown = sorted(flags).filter(([, flag]) => !flag.isHidden);
  const options = shown.map(([name, flag]) => {
    const { description, defaultText, support } = flag;
    const text = `${description}${defaultText === undefined ? "" : ` (default ${defaultText})`}`;
    const remark = support === undefined ? "" : `\nIt has no effect: ${sentence(support.reason)}`;
    return item(flagTitle(name, flag), plain(`${sentence(text)}${remark}`));
  });
  const refused = sorted(flags).flatMap(([name, flag]) =>
    flag.support?.kind === "refused"
      ? [
          item(
            flagTitle(name, flag),
            plain(
              `Not supported: ${sentence(flag.support.reason)}${flag.support.hint ? `\n${flag.support.hint}` : ""}`,
            ),
          ),
        ]
      : [],
  );
  return [
    ...(options.length > 0 ? [section("OPTIONS", ...options)] : []),
    ...(refused.length > 0 ? [section("OPTIONS THAT ARE REFUSED", ...refused)] : []),
  ];
}

function synopsis(calls: readonly string[], usage: string): string[] {
  const [line = "", ...others] = usage.split("\n");
  const first = calls.map((call) => `${bold(`${program} ${call}`)} ${plain(line)}`.trimEnd());
  return [...first, ...others.map((other) => plain(other.trim()))].flatMap((text, index) =>
    index === 0 ? [text] : [".br", text],
  );
}

/** The statuses of commands, as README has them. */
const exitStatus = section(
  "EXIT STATUS",
  item("0", "Success."),
  item("1", "The command has failed."),
  item("125", "Its options are wrong, or a VM was not created or started."),
  item("126, 127", "The VM\\(aqs command cannot be run, or was not found."),
  ".PP",
  "Commands that wait for a process of a VM end with its status.",
);

function reference(page: string): string {
  return `.BR ${page.replaceAll("-", "\\-")} (1)`;
}

function commandPage(page: string, command: Command, calls: readonly string[], date: string): string {
  return [
    header(page, date),
    section("NAME", `${page.replaceAll("-", "\\-")} \\- ${plain(command.summary)}`),
    section("SYNOPSIS", ...synopsis(calls, command.usage)),
    section("DESCRIPTION", plain(sentence(command.summary))),
    ...flagSections(command.flags),
    exitStatus,
    section("SEE ALSO", reference(program)),
    "",
  ].join("\n");
}

async function commandList(group: VerbGroup, prefix: string): Promise<string[]> {
  const loaded = await Promise.all(
    [...group.listed].map(async ([name, load]) => ({ name, command: await load() })),
  );
  return loaded
    .filter(({ command }) => command.isHidden !== true)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, command }) => item(reference(`${prefix}-${name}`), plain(sentence(command.summary))));
}

async function groupPage(name: string, group: VerbGroup, date: string): Promise<string> {
  const page = `${program}-${name}`;
  return [
    header(page, date),
    section("NAME", `${page.replaceAll("-", "\\-")} \\- ${plain(group.summary)}`),
    section("SYNOPSIS", `${bold(`${program} ${name}`)} COMMAND`),
    section("DESCRIPTION", plain(sentence(group.summary))),
    section("COMMANDS", ...(await commandList(group, page))),
    section("SEE ALSO", reference(program)),
    "",
  ].join("\n");
}

async function programPage(date: string): Promise<string> {
  const listed = [...groups].filter(([name]) => !otherNames.has(name));
  return [
    header(program, date),
    section("NAME", `${program} \\- ${plain(tagline)}`),
    section("SYNOPSIS", `${bold(program)} [OPTIONS] COMMAND [ARG...]`),
    section(
      "DESCRIPTION",
      "Runs OCI images in microVMs, with Docker\\(aqs verbs, options, output and exit statuses.",
      "One engine per user is started by the first command and ends by itself; VMs outlive it.",
      "Where no VM can run,",
      bold("mocker doctor"),
      "says why and what to do.",
    ),
    ...flagSections(globalFlags),
    section("COMMANDS", ...(await commandList(verbs, program))),
    section(
      "GROUPS OF COMMANDS",
      ...listed.map(([name, { summary }]) => item(reference(`${program}-${name}`), plain(sentence(summary)))),
    ),
    exitStatus,
    section(
      "ENVIRONMENT",
      item(".B MOCKER_HOST", "The engine to use, as with \\fB\\-\\-host\\fR."),
      item(".B MOCKER_CONTEXT", "The context to use, as with \\fB\\-\\-context\\fR."),
      item(
        ".B DOCKER_CONFIG",
        "The directory of Docker\\(aqs \\fIconfig.json\\fR, with the credentials of registries.",
      ),
      item(".B MOCKER_DATA_DIR", "Images, VMs and volumes."),
      item(".B MOCKER_RUN_DIR", "Sockets; a short path."),
      item(".B NO_COLOR", "Nothing is colored."),
    ),
    section(
      "FILES",
      item(
        ".I \\(ti/.local/share/mocker",
        "Images, VMs and volumes, below \\fB$XDG_DATA_HOME\\fR where that is set.",
      ),
      item(".I \\(ti/.config/mocker/engine.json", "Settings of the engine: mirrors, proxies, limits."),
      item(".I \\(ti/.config/mocker/contexts.json", "Contexts."),
    ),
    "",
  ].join("\n");
}

/**
 * The pages by the names of their files: `mocker.1`, one of each group and of each command, under all the
 * ways to call it. `date`: of today, `YYYY-MM-DD`.
 */
export async function manPages(date: string): Promise<Map<string, string>> {
  const pages = new Map<string, string>([[`${program}.1`, await programPage(date)]]);
  const all: [prefix: string, group: VerbGroup][] = [[program, verbs]];
  for (const [name, group] of groups) {
    if (otherNames.has(name)) continue;
    pages.set(`${program}-${name}.1`, await groupPage(name, group, date));
    all.push([`${program}-${name}`, group]);
  }
  /** The page of each command, by the first of the ways to call it. */
  const own = new Map<string, string>();
  for (const [prefix, group] of all)
    for (const name of group.listed.keys()) {
      const found = group.find(name);
      const command = await found?.load();
      if (found === undefined || command === undefined || command.isHidden) continue;
      const page = `${prefix}-${name}`;
      const [first = ""] = found.calls;
      const known = own.get(first);
      if (known === undefined) own.set(first, page);
      pages.set(
        `${page}.1`,
        known === undefined ? commandPage(page, command, found.calls, date) : `.so man1/${known}.1\n`,
      );
    }
  return pages;
}
