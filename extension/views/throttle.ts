/**
 * Runs something at once, and again while it is asked for, but never within `intervalMs` of the last time:
 * the first change of a while shows without delay, a hundred that follow are a few refreshes.
 */
export class Throttle {
  readonly #intervalMs: number;
  readonly #run: () => void;
  #timer: NodeJS.Timeout | undefined;
  #wanted = false;

  constructor(intervalMs: number, run: () => void) {
    this.#intervalMs = intervalMs;
    this.#run = run;
  }

  request(): void {
    if (this.#timer !== undefined) {
      this.#wanted = true;
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#wanted) return;
      this.#wanted = false;
      this.request();
    }, this.#intervalMs);
    this.#run();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wanted = false;
  }
}

/**
 * VS Code shows a tree's change at once, unless one within 200 ms before it was the last: then it waits for
 * 200 ms of quiet (ExtHostTreeView). Changes that are further apart than that never wait. Both timers start
 * in the same turn of the event loop, so that a little more than 200 is enough.
 */
export const treeIntervalMs = 205;
