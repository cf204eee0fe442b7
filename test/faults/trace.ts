const kept = 600;

/** What was done last, for the one who has to find out why something went wrong. */
export class Trace {
  /** Something that is not a kill, a full disk say, has been done in this round: commands may fail. */
  isDisturbed = false;
  readonly #began = performance.now();
  readonly #lines: string[] = [];

  say(text: string): void {
    this.#lines.push(`${((performance.now() - this.#began) / 1000).toFixed(3)} ${text}`);
    if (this.#lines.length > kept) this.#lines.shift();
  }

  get text(): string {
    return this.#lines.join("\n");
  }
}
