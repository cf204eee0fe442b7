import { unlessAborted } from "../../common/abort.ts";

/**
 * Tasks that have their turns one after another, in the order of the calls; some of them can be cancelled.
 */
export class TurnQueue {
  #last: Promise<unknown> = Promise.resolve();
  readonly #cancellable = new Set<AbortController>();

  /** How many cancellable tasks wait for their turn or have it, and were not cancelled. */
  get cancellable(): number {
    return this.#cancellable.size;
  }

  run<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Runs a task that `cancel` may end. Then this rejects at once with the reason, while the turn lasts until
   * the task, which is to watch its signal, has ended; a task that still waited never begins.
   * @param before what comes before the task joins the queue, and can be cancelled as well
   */
  async runCancellable(
    task: (signal: AbortSignal) => Promise<void>,
    before?: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const cancellation = new AbortController();
    const { signal } = cancellation;
    this.#cancellable.add(cancellation);
    try {
      if (before) await unlessAborted(before(signal), signal);
      const turn = this.run(async () => {
        signal.throwIfAborted();
        await task(signal);
      });
      await unlessAborted(turn, signal);
    } finally {
      this.#cancellable.delete(cancellation);
    }
  }

  /** Cancels all cancellable tasks there are. */
  cancel(reason: Error): void {
    for (const cancellation of this.#cancellable) cancellation.abort(reason);
    this.#cancellable.clear();
  }
}
