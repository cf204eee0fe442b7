import { CommandFailure } from "../command.ts";
import type { Io } from "../io.ts";

/** Status of a command that Ctrl-C has ended. */
export const interruptedCode = 130;

/** Runs `work` so that Ctrl-C or a TERM aborts it, cleanly, with Docker's status. */
export async function interruptible<T>(io: Io, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const cancel = (): void => controller.abort();
  const forget = [io.onSignal("SIGINT", cancel), io.onSignal("SIGTERM", cancel)];
  try {
    return await work(controller.signal);
  } catch (error) {
    if (controller.signal.aborted) throw new CommandFailure("", interruptedCode);
    throw error;
  } finally {
    for (const end of forget) end();
  }
}
