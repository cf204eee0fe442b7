import { setTimeout as sleep } from "node:timers/promises";
import { stretched } from "./paths.ts";

/**
 * Repeats `attempt` until it neither throws nor returns false or undefined; returns what it returned. Rejects
 * with the last error when `timeoutMs` (default 30 s; stretched in the lab) is over.
 */
export async function retry<T>(
  attempt: () => T | Promise<T>,
  options: { timeoutMs?: number; intervalMs?: number; what?: string } = {},
): Promise<Exclude<T, false | undefined>> {
  const { timeoutMs = 30_000, intervalMs = 50, what = "condition" } = options;
  const deadline = performance.now() + stretched(timeoutMs);
  for (;;) {
    let failure: unknown = new Error(`${what} did not come true within ${stretched(timeoutMs)} ms`);
    try {
      const result = await attempt();
      if (result !== false && result !== undefined) return result as Exclude<T, false | undefined>;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) throw failure;
    await sleep(intervalMs);
  }
}
