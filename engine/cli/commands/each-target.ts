import { describeError } from "../errors.ts";
import type { Io } from "../io.ts";

/**
 * Verbs with several targets do what they can, all at once, and report in the order given: the line that
 * `act` returns, if any, goes to stdout, its error to stderr, and one failure makes the status 1.
 */
export async function eachTarget(
  io: Io,
  targets: readonly string[],
  act: (target: string) => Promise<string | undefined>,
): Promise<number> {
  let exitCode = 0;
  const acts = targets.map((target) =>
    act(target).then(
      (line) => ({ line }),
      (error: unknown) => ({ error }),
    ),
  );
  for (const pending of acts) {
    const result = await pending;
    if ("line" in result) {
      if (result.line !== undefined) io.stdout.write(`${result.line}\n`);
    } else {
      io.stderr.write(`${describeError(result.error)}\n`);
      exitCode = 1;
    }
  }
  return exitCode;
}
