import { type FSWatcher, watch } from "node:fs";

/** How often is looked where the host has no watches left. */
const pollMs = 500;

/** A bell that rings when something changes in a log's directory, or its VM ends; it remembers one ring. */
export class LogWatch {
  #rung = false;
  #ended = false;
  #resolve: (() => void) | undefined;
  readonly #watcher: FSWatcher | undefined;
  readonly #timer: NodeJS.Timeout | undefined;

  /** @param signal rings, too */
  constructor(directory: string, ended: Promise<void>, signal: AbortSignal) {
    const end = (): void => {
      this.#ended = true;
      this.#ring();
    };
    ended.then(end, end);
    signal.addEventListener("abort", () => this.#ring(), { once: true });
    try {
      // The directory: between two renames there is no current log to watch.
      this.#watcher = watch(directory, () => this.#ring());
      this.#watcher.on("error", () => this.#ring());
    } catch {
      this.#timer = setInterval(() => this.#ring(), pollMs);
    }
  }

  /** The VM has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves at the next ring, or at once when it has rung since the last. */
  async next(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
    this.#rung = false;
    this.#resolve = undefined;
  }

  close(): void {
    this.#watcher?.close();
    clearInterval(this.#timer);
  }

  #ring(): void {
    this.#rung = true;
    this.#resolve?.();
  }
}
