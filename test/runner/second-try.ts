import { type Suite, suites } from "./arguments.ts";
import type { Failure, Tally } from "./tally.ts";

/** More is no accident, and would take too long. */
const mostTries = 20;

/** What is run once more, alone. */
interface Try {
  suite: Suite;
  /** Selects a test file or, in the lab, tests by name. */
  pattern: string;
  failures: Failure[];
}

/**
 * Runs once more, one after the other, what failed in a run of whole suites: with `run`, which returns what a
 * suite with a pattern came to. What passes now counts as passed and is reported as flaky.
 */
export async function trySecondTime(
  tally: Tally,
  run: (suite: Suite, pattern: string) => Promise<Tally>,
): Promise<void> {
  const tries = triesOf(tally.failures);
  if (tries.length > mostTries) return;
  for (const { suite, pattern, failures } of tries) {
    const second = await run(suite, pattern);
    if (second.failures.length === 0 && second.passed > 0) tally.forgive(failures);
  }
}

/** One for each test file; for the lab, where a file takes minutes, one for all tests. */
function triesOf(failures: Failure[]): Try[] {
  const tries = new Map<string, Try>();
  for (const failure of failures) {
    const suite = suites.find((name) => failure.file?.startsWith(`test/${name}/`));
    if (suite === undefined || failure.file === undefined) continue;
    if (suite === "lab" && failure.test === undefined) continue;
    const key = suite === "lab" ? suite : failure.file;
    const known = tries.get(key) ?? { suite, pattern: failure.file, failures: [] };
    known.failures.push(failure);
    if (suite === "lab") known.pattern = patternOf(known.failures.map(({ test = "" }) => test));
    tries.set(key, known);
  }
  return [...tries.values()];
}

/** A regular expression for the names of tests. */
function patternOf(names: string[]): string {
  return names.map((name) => name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|");
}
