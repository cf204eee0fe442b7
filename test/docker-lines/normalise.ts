import type { Part, Way } from "./lines.ts";

export type Outcome = Readonly<Record<Part, string>>;

/** Docker, and the ways to Mocker. */
export type SideName = "docker" | Way;

interface Rule {
  /** What the rule makes equal. */
  readonly what: string;
  readonly pattern: RegExp;
  readonly into: string;
}

/** What differs from run to run, for whatever program. */
const always: readonly Rule[] = [
  { what: "ids", pattern: /\b[0-9a-f]{64}\b/g, into: "<64 hex>" },
  { what: "short ids", pattern: /\b[0-9a-f]{12}\b/g, into: "<12 hex>" },
  {
    what: "times",
    pattern: /\b\d{4}-\d\d-\d\d[T ][\d:.]+ ?(?:Z|[+-]\d\d:?\d\d)(?: [A-Z]+)?/g,
    into: "<time>",
  },
  {
    what: "ages",
    pattern: /(?:Less than a|About an?|\d+) (?:second|minute|hour|day)s?(?= ago\b|\n| {2})/g,
    into: "<while>",
  },
  { what: "up for", pattern: /\bUp (?:Less than a|About an?|\d+) (?:second|minute)s?/g, into: "Up <while>" },
  { what: "networks' hardware addresses", pattern: /\b02:42(?::[0-9a-f]{2}){4}\b/g, into: "<MAC>" },
];

/** What Mocker says besides, and its name, which it puts before each error. */
const ours: readonly Rule[] = [
  { what: "who says so", pattern: /^mocker: /gm, into: "" },
  { what: "hints", pattern: /^hint: .*\n/gm, into: "" },
  { what: "the simulation's mark in STATUS", pattern: / \(simulation\)/g, into: "" },
  { what: "the simulation's warning", pattern: /^WARNING: simulation, not a VM.*\n/gm, into: "" },
];

const throughRunc =
  /(?:(?:failed to create task for container: )?failed to create shim task: OCI runtime create failed: runc create failed|OCI runtime exec failed: exec failed): unable to start container process: (.*?)(?:: unknown|(?=\r?$))/gm;

/** What Docker says besides, and its name, which it puts before some errors. */
const dockers: readonly Rule[] = [
  { what: "who says so", pattern: /^(?:docker: )?Error response from daemon: |^docker: /gm, into: "" },
  {
    what: "where the daemon keeps things",
    pattern: /\/tmp\/\S*dockerd-\w+\/data\/volumes/g,
    into: "<dir>/d/mocker/volumes",
  },
  { what: "what runc is part of", pattern: throughRunc, into: "$1" },
  { what: "what failed of the daemon", pattern: /failed to set up container networking: /g, into: "" },
  { what: "a slip of 28.2.2's", pattern: /^SRun '/gm, into: "Run '" },
  { what: "the program's name", pattern: /(^|['"\s])docker(?=[ :\n])/g, into: "$1mocker" },
];

/** A line's outcome without what may differ. @param root the directory that it ran in */
export function normalise(outcome: Outcome, side: SideName, root: string): Outcome {
  const rules = [...always, ...(side === "docker" ? dockers : side === "cli" ? ours : [...ours, ...dockers])];
  const plain = (text: string): string => {
    let result = text.replaceAll(root, "<dir>");
    for (const { pattern, into } of rules) result = result.replace(pattern, into);
    // Columns are as wide as what stands in them.
    return /<(?:while|time)>/.test(result) ? result.replace(/ {2,}/g, "  ").replace(/ +$/gm, "") : result;
  };
  return { exit: outcome.exit, stdout: plain(outcome.stdout), stderr: plain(outcome.stderr) };
}
