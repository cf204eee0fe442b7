import { type Outcome, recordReader, type TestRecord } from "./test-record.ts";
import { formatMs, Times } from "./times.ts";

export interface Failure {
  title: string;
  detail: string;
  /** Test file, relative to the checkout; undefined when something else failed. */
  file?: string;
  /** Name of the one test, without those of the suites around it. */
  test?: string;
}

/** What all suites of a test run came to. */
export class Tally {
  readonly times = new Times();
  passed = 0;
  failures: Failure[] = [];
  /** What failed first and passed on a second try. */
  readonly flaky: Failure[] = [];
  readonly skipped: { title: string; reason: string }[] = [];

  pass(title: string, durationMs?: number): void {
    this.passed++;
    print("ok", title, durationMs);
  }

  fail(
    title: string,
    detail: string,
    durationMs?: number,
    where: { file?: string; test?: string } = {},
  ): void {
    this.failures.push({ title, detail, ...where });
    print("FAILED", title, durationMs);
  }

  /** Counts failures as passed, because the second try of their tests passed. */
  forgive(failures: Failure[]): void {
    this.failures = this.failures.filter((failure) => !failures.includes(failure));
    this.flaky.push(...failures);
    this.passed += failures.length;
  }

  skip(title: string, reason: string): void {
    this.skipped.push({ title, reason });
    print("skipped", `${title}: ${reason}`);
  }

  /**
   * Prints failures, those that a second try made good, reasons of skips, times and, as the very last line,
   * the totals. Returns the exit code.
   */
  report(): number {
    for (const { title, detail } of this.failures) {
      process.stdout.write(`\n=== FAILED: ${title}\n${detail.trimEnd()}\n`);
    }
    if (this.flaky.length > 0) {
      process.stdout.write("\nFlaky (failed beside other suites, passed alone):\n");
      for (const { title, detail } of this.flaky) process.stdout.write(`  ${title}\n${indented(detail)}\n`);
    }
    if (this.skipped.length > 0) {
      process.stdout.write("\nSkipped:\n");
      for (const { title, reason } of this.skipped) process.stdout.write(`  ${title}: ${reason}\n`);
    }
    process.stdout.write(`\n${this.times.lines().join("\n")}\n`);
    // Once more in short, where a reader of the end alone finds it.
    if (this.failures.length > 0) process.stdout.write("\nFailed:\n");
    for (const { title, detail } of this.failures) {
      process.stdout.write(`  ${title}: ${detail.trimStart().split("\n", 1)[0]}\n`);
    }
    const ran = this.passed + this.failures.length;
    if (ran === 0) process.stdout.write("\nNo test ran.\n");
    const skipped = this.skipped.length === 0 ? "" : `, ${this.skipped.length} skipped`;
    process.stdout.write(`\n${this.passed} passed, ${this.failures.length} failed${skipped}\n`);
    return ran === 0 || this.failures.length > 0 ? 1 : 0;
  }
}

function indented(text: string): string {
  return text.trimEnd().replace(/^/gm, "    ");
}

function print(state: string, title: string, durationMs?: number): void {
  const time = durationMs === undefined ? "" : ` (${formatMs(durationMs)})`;
  process.stdout.write(`  ${state} ${title}${time}\n`);
}

const maxOutput = 20_000;

/**
 * Counts what one suite's process reports. A test counts when it has an outcome; a file that crashes, that
 * has no test, or that ends in the middle of a test counts as failed.
 */
export class SuiteTally {
  /** Feed it the process's stdout. */
  readonly read: (data: Buffer) => void;
  readonly #tally: Tally;
  readonly #suite: string;
  /** Source file of a bundle, and of itself. */
  readonly #sources: Map<string, string>;
  readonly #path: string[] = [];
  readonly #open = new Map<string, { file: string; name: string; count: number }>();
  readonly #filesWithTests = new Set<string>();
  readonly #filesDone = new Set<string>();
  readonly #output = new Map<string, string>();
  #currentFile = "";

  constructor(tally: Tally, suite: string, sources: Map<string, string>) {
    this.#tally = tally;
    this.#suite = suite;
    this.#sources = sources;
    this.read = recordReader(
      (record) => this.#onRecord(record),
      (text) => this.addOutput(this.#currentFile, text),
    );
  }

  /** Adds what a process printed; shown with failures of `file` ("" is the current one). */
  addOutput(file: string, text: string): void {
    const key = file === "" ? this.#currentFile : file;
    this.#output.set(key, ((this.#output.get(key) ?? "") + text).slice(-maxOutput));
  }

  /** Tests that have begun and have no outcome yet. */
  unfinished(): string[] {
    return [...this.#open.values()].map(({ file, name }) => `${file} › ${name}`);
  }

  /** To be called when the process has ended; `problem` says how, if not well. */
  end(problem: string | undefined): void {
    const before = this.#tally.failures.length;
    const reason = problem ?? "the test's process ended before it did";
    for (const { file, name } of this.#open.values()) {
      this.#filesWithTests.add(file);
      const detail = `did not finish: ${reason}\n${this.#outputOf(file)}`;
      this.#tally.fail(`${this.#suite}: ${file} › ${name}`, detail, undefined, { file, test: name });
    }
    for (const file of new Set(this.#sources.values())) {
      if (this.#filesWithTests.has(file) || this.#filesDone.has(file)) continue;
      const detail = `did not run: ${reason}\n${this.#outputOf(file)}`;
      this.#tally.fail(`${this.#suite}: ${file}`, detail, undefined, { file });
    }
    if (problem !== undefined && this.#tally.failures.length === before) {
      this.#tally.fail(`${this.#suite} as a whole`, `${problem}\n${this.#outputOf("")}`);
    }
  }

  #outputOf(file: string): string {
    const own = file === "" ? "" : (this.#output.get(file) ?? "");
    const text = `${own}${this.#output.get("") ?? ""}`.trimEnd();
    return text === "" ? "" : `--- printed meanwhile:\n${text}`;
  }

  #onRecord(record: TestRecord): void {
    const file =
      this.#sources.get(record.file ?? "") ?? this.#sources.get("name" in record ? record.name : "") ?? "";
    if (record.event === "output") {
      this.addOutput(file, record.text);
      return;
    }
    // A file itself, as node --test runs it, or as a describe() when all files share one process.
    const isFile = this.#sources.has(record.name) && record.nesting === 0;
    const key = `${file}\0${record.nesting}\0${record.name}`;
    if (record.event === "begin") {
      this.#currentFile = file;
      if (isFile) return;
      const open = this.#open.get(key) ?? { file, name: record.name, count: 0 };
      open.count++;
      this.#open.set(key, open);
      return;
    }
    if (record.event === "start") {
      this.#path.length = record.nesting;
      this.#path[record.nesting] = isFile ? file : record.name;
      return;
    }
    if (record.nesting === 0) this.#addTime(file, record);
    const open = this.#open.get(key);
    if (open !== undefined && --open.count === 0) this.#open.delete(key);
    if (isFile) this.#onFile(file, record);
    else this.#onTest(file, record);
  }

  /** A file's time is its own or, where each file has a process, that of the tests and suites at its top. */
  #addTime(file: string, { durationMs = 0 }: Outcome): void {
    this.#tally.times.addFile(`${this.#suite}: ${file}`, durationMs);
  }

  #onFile(file: string, record: Outcome): void {
    this.#filesDone.add(file);
    const title = `${this.#suite}: ${file}`;
    if (record.event === "fail") {
      if (record.failureType === "subtestsFailed") return;
      const hung = [...this.#open.values()].filter((test) => test.file === file).map(({ name }) => name);
      const during = hung.length === 0 ? "" : `\nunfinished: ${hung.join(", ")}`;
      const detail = `${record.error ?? "failed"}${during}\n${this.#outputOf(file)}`;
      this.#tally.fail(title, detail, record.durationMs, { file });
      for (const [key, test] of this.#open) if (test.file === file) this.#open.delete(key);
    } else if (!this.#filesWithTests.has(file) && !this.unfinished().some((name) => name.startsWith(file))) {
      this.#tally.fail(title, `has no test\n${this.#outputOf(file)}`, record.durationMs, { file });
    }
  }

  #onTest(file: string, record: Outcome): void {
    this.#filesWithTests.add(file);
    const names = this.#path.slice(0, record.nesting).filter((name) => name !== file);
    const title = `${this.#suite}: ${[file, ...names, record.name].join(" › ")}`;
    if (record.skip !== undefined && record.skip !== false) {
      if (record.skip === "test name does not match pattern" || record.suite) return;
      this.#tally.skip(
        title,
        typeof record.skip === "string" && record.skip !== "" ? record.skip : "no reason given",
      );
    } else if (record.event === "fail") {
      // Its subtests have been counted.
      if (record.failureType === "subtestsFailed") return;
      const detail = `${record.error ?? "failed"}\n${this.#outputOf(file)}`;
      this.#tally.fail(title, detail, record.durationMs, { file, test: record.name });
    } else if (record.todo !== undefined && record.todo !== false) {
      this.#tally.skip(title, typeof record.todo === "string" ? `to do: ${record.todo}` : "to do");
    } else if (!record.suite) {
      this.#tally.pass(title, record.durationMs);
    }
  }
}
