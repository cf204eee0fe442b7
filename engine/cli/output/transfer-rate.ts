const windowMs = 5000;
/** A shorter time says nothing. */
const shortestMs = 1000;
const betweenSamplesMs = 100;

/** How fast a transfer goes, by its latest seconds. */
export class TransferRate {
  readonly #now: () => number;
  #samples: { atMs: number; bytes: number }[] = [];

  /** `now` gives milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** So many bytes are there by now. Fewer than before: it has begun anew. */
  reached(bytes: number): void {
    const atMs = this.#now();
    const last = this.#samples.at(-1);
    if (last && bytes < last.bytes) this.#samples = [];
    else if (last && atMs - last.atMs < betweenSamplesMs) return;
    this.#samples.push({ atMs, bytes });
    while (this.#samples[1] && atMs - this.#samples[1].atMs >= windowMs) this.#samples.shift();
  }

  /** Undefined: nobody can say yet. */
  get bytesPerSecond(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (!first || !last) return undefined;
    const spanMs = this.#now() - first.atMs;
    return spanMs < shortestMs ? undefined : ((last.bytes - first.bytes) / spanMs) * 1000;
  }
}
