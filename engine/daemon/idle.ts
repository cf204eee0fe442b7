/** Notices when nobody has needed the engine for a while. */
export class Idle {
  readonly #ms: number;
  readonly #isBusy: () => boolean;
  readonly #onIdle: () => void;
  #holds = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * `onIdle` is called after `ms` without holds in which `isBusy` was false; never if `ms` is not positive.
   */
  constructor(options: { ms: number; isBusy: () => boolean; onIdle: () => void }) {
    this.#ms = options.ms;
    this.#isBusy = options.isBusy;
    this.#onIdle = options.onIdle;
  }

  /** For a client of any door: keeps the engine from being idle until the returned function is called. */
  hold(): () => void {
    this.#holds++;
    this.check();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holds--;
      this.check();
    };
  }

  /** Begins to count anew. To be called when `isBusy` may have changed. */
  check(): void {
    clearTimeout(this.#timer);
    if (this.#ms <= 0 || this.#holds > 0 || this.#isBusy()) return;
    this.#timer = setTimeout(this.#onIdle, this.#ms);
  }
}
