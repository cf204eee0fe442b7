import { spawn } from "node:child_process";
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../../common/atomic-file.ts";
import { type ContentStore, readText } from "./content-store.ts";

/** A derived thing without a mark, and the state of its files. */
interface Unmarked {
  directory: string;
  stem: string;
  files: string;
}

/**
 * The flush is delayed, because writes that must be durable at once (the next pull's, a starting VM's) wait
 * for it.
 */
const defaultDelayMs = 5_000;

/**
 * Flushes things that are derived from blobs (converted layers, root disks, unpacked roots) after they are in
 * use: to flush them before would take longer than making them again. A crash of the engine cannot harm them,
 * a crash of the machine can. So they are flushed in the background and marked with a file `NAME.synced`
 * afterwards; things without a mark when the machine has been started anew are thrown away and made again
 * from the blobs, which are always durable and verified.
 */
export class DeferredSync {
  readonly #store: ContentStore;
  readonly #delayMs: number;
  #waiting: NodeJS.Timeout | undefined;
  #running = false;
  #again = false;

  constructor(store: ContentStore, delayMs = defaultDelayMs) {
    this.#store = store;
    this.#delayMs = delayMs;
  }

  /**
   * Throws away things that a crash of the machine may have damaged. Called before anything else uses the
   * store.
   */
  discardDoubtful(): void {
    const path = join(this.#store.dir, "boot");
    const current = bootId();
    if (current !== "" && readText(path) === current) return;
    for (const { directory, stem } of this.#unmarked()) {
      for (const name of readdirSync(directory))
        if (stemOf(name) === stem) rmSync(join(directory, name), { recursive: true, force: true });
    }
    writeFileAtomic(path, current, this.#store.ingestDir);
  }

  /** Flushes things without a mark, in the background and a while later; harmless to call often. */
  schedule(): void {
    this.#waiting ??= setTimeout(() => {
      this.#waiting = undefined;
      this.#flush();
    }, this.#delayMs).unref();
  }

  /**
   * Flushes and marks. A failure leaves things without a mark: they are made again after the next boot, which
   * is harmless.
   */
  #flush(): void {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    this.#again = false;
    const done = (pending: Unmarked[]): void => {
      try {
        this.#mark(pending);
      } catch {
        // A full disk, mostly.
      }
      this.#running = false;
      if (this.#again) this.#flush();
    };
    try {
      const pending = this.#unmarked();
      if (pending.length === 0) {
        this.#running = false;
        return;
      }
      // syncfs(2): an unpacked root has too many files to flush one by one.
      const child = spawn("sync", ["--file-system", this.#store.dir], { stdio: "ignore" });
      child.unref();
      child.on("error", () => done([]));
      child.on("close", (code) => done(code === 0 ? pending : []));
    } catch {
      // The store is gone.
      this.#running = false;
    }
  }

  /** Marks things that were flushed, but for those that have gone or were made anew during the flush. */
  #mark(flushed: Unmarked[]): void {
    const still = new Map(
      this.#unmarked().map(({ directory, stem, files }) => [join(directory, stem), files]),
    );
    for (const { directory, stem, files } of flushed)
      if (still.get(join(directory, stem)) === files)
        writeFileSync(join(directory, `${stem}.synced`), "", { mode: 0o600 });
  }

  #unmarked(): Unmarked[] {
    const unmarked: Unmarked[] = [];
    for (const directory of [this.#store.layersDir, this.#store.rootsDir, this.#store.rootfsDir]) {
      const names = readdirSync(directory).sort();
      const marked = new Set(names.filter((name) => name.endsWith(".synced")).map(stemOf));
      const files = new Map<string, string>();
      for (const name of names) {
        const stem = stemOf(name);
        if (marked.has(stem)) continue;
        const stat = statSync(join(directory, name), { throwIfNoEntry: false });
        files.set(stem, `${files.get(stem) ?? ""} ${stat?.ino}:${stat?.ctimeMs}`);
      }
      for (const [stem, stamps] of files) unmarked.push({ directory, stem, files: stamps });
    }
    return unmarked;
  }
}

/** The name without its last suffix. */
export function stemOf(name: string): string {
  return name.replace(/\.[a-z]+$/, "");
}

function bootId(): string {
  return readText("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
}
