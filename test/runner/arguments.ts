export const suites = ["check", "unit", "native", "engine", "extension", "lab"] as const;
export type Suite = (typeof suites)[number];

/** What a test run was asked for. */
export interface Selection {
  suites: Suite[];
  /** Selects test files by a part of their path or, when there are none, tests by name. */
  pattern: string | undefined;
  /** Uses the lab even where KVM is good. */
  forceLab: boolean;
}

export const usage = `Usage: npm test [-- [SUITE…] [PATTERN] [--lab]]
  check    types, lint, unused code, width of comments
  unit     test/unit
  native   test/native: the addon, the monitor, the guest agent and networks, as programs and under the sanitizers
  engine   test/engine: the built product on the simulation runtime, as this user and (when root) as an ordinary one
  extension  test/extension: the packaged extension in a real VS Code, on the simulation runtime; leaves screenshots
  lab      test/lab: the built product on real microVMs; in the lab where this machine's KVM cannot run them
PATTERN selects test files whose path contains it or, when there are none, tests by name (a regular expression).
--lab uses the lab even on a machine whose KVM is good.
Suites run side by side where there are two CPUs and 12 GiB; MOCKER_TEST_LANES=1 runs one after the other.
`;

/** Reads the command line; undefined when it makes no sense. Without a suite, all are selected. */
export function parseArguments(args: string[]): Selection | undefined {
  const chosen: Suite[] = [];
  let pattern: string | undefined;
  let forceLab = false;
  for (const arg of args) {
    const suite = suites.find((name) => name === arg);
    if (suite !== undefined && pattern === undefined) chosen.push(suite);
    else if (arg === "--lab") forceLab = true;
    else if (arg.startsWith("-") || pattern !== undefined) return undefined;
    else pattern = arg;
  }
  return { suites: chosen.length === 0 ? [...suites] : chosen, pattern, forceLab };
}
