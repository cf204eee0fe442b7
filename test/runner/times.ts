const slowestFiles = 10;

/** Where the time of a test run went. */
export class Times {
  readonly #parts: { name: string; ms: number }[] = [];
  readonly #files = new Map<string, number>();

  /** Runs one part of the run (a set-up step, a suite), which is announced, and notes how long it took. */
  async part<T>(name: string, work: () => Promise<T>): Promise<T> {
    process.stdout.write(`# ${name}\n`);
    const started = performance.now();
    try {
      return await work();
    } finally {
      const ms = performance.now() - started;
      this.#parts.push({ name, ms });
      process.stdout.write(`# ${name}: ${formatMs(ms)}\n`);
    }
  }

  /** Adds to the time of a test file; `name` says the suite, too. */
  addFile(name: string, ms: number): void {
    this.#files.set(name, (this.#files.get(name) ?? 0) + ms);
  }

  /**
   * Each part, and the ten slowest files, one a line. Parts that ran side by side add up to more than the run
   * took.
   */
  lines(): string[] {
    const files = [...this.#files].sort(([, a], [, b]) => b - a).slice(0, slowestFiles);
    return [
      `Time of each part: ${this.#parts.map(({ name, ms }) => `${name} ${formatMs(ms)}`).join(", ")}`,
      ...(files.length === 0 ? [] : ["Slowest files:"]),
      ...files.map(([name, ms]) => `  ${formatMs(ms)} ${name}`),
    ];
  }
}

export function formatMs(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
