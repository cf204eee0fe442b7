import { setTimeout as sleep } from "node:timers/promises";
import { MockerError } from "../protocol/errors.ts";

/** For 3 s: what a burst of work has open is closed by then. */
const attempts = 30;
const waitMs = 100;

/**
 * Whether an error, or what caused it, is that this process (EMFILE) or the system (ENFILE) has no file
 * descriptor left: nothing is known then of the file that was to be opened.
 */
export function isOutOfDescriptors(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && (at.code === "EMFILE" || at.code === "ENFILE")) return true;
  }
  return false;
}

/**
 * Runs a task again while it fails for want of descriptors.
 * @throws INTERNAL when there are none for 3 s, with that error as its cause
 */
export async function withDescriptors<T>(what: string, task: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await task();
    } catch (error) {
      if (!isOutOfDescriptors(error)) throw error;
      if (attempt === attempts) {
        throw new MockerError("INTERNAL", `cannot read ${what}: no file descriptors are left`, {
          hint: "Raise the limit (ulimit -n, sysctl fs.file-max), or end what has so many files open.",
          cause: error,
        });
      }
      await sleep(waitMs);
    }
  }
}
