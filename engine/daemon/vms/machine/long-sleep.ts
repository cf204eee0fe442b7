import { setTimeout as sleep } from "node:timers/promises";

/** Node's timers take no more: a larger number fires after 1 ms. */
const longestMs = 2 ** 31 - 1;

/** Waits for any number of milliseconds. Does not keep the process alive. @throws AbortError */
export async function longSleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  for (let left = milliseconds; left > 0; left -= longestMs) {
    await sleep(Math.min(left, longestMs), undefined, { signal, ref: false });
  }
}
