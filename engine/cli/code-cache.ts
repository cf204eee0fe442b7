import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Script } from "node:vm";
import { cacheDir } from "../common/paths.ts";

/** Directories of other versions, unchanged for so long, are removed. */
const keptMs = 30 * 24 * 3_600_000;
/** As {@link CodeCache.of} names them. */
const versionPattern = /^[0-9a-f]+-[\d.]+/;
const verbPattern = /^[a-z_]{2,16}$/;

function isOwnDirectory(path: string): boolean {
  const stat = lstatSync(path);
  return stat.isDirectory() && stat.uid === process.geteuid?.();
}

/**
 * `<cache>/code/<version>`: what V8 has compiled of the command line's program, so that the next one need
 * not. It grows with the verbs: code is compiled when it is first used. Whatever is wrong with it, it is only
 * not used. Switched off as Node's own, by NODE_DISABLE_COMPILE_CACHE.
 */
export class CodeCache {
  readonly #directory: string;
  readonly #verb: string;

  private constructor(directory: string, verb: string) {
    this.#directory = directory;
    this.#verb = verb;
  }

  /** @param hash of the program @param verb the command's first argument, whatever it is */
  static of(hash: string, verb: string | undefined, env: NodeJS.ProcessEnv): CodeCache | undefined {
    if (env.NODE_DISABLE_COMPILE_CACHE || !verb || !verbPattern.test(verb)) return undefined;
    // The editor's Node and the terminal's take turns.
    const name = `${hash}-${process.versions.v8}-${process.arch}`;
    return new CodeCache(join(cacheDir(env), "code", name), verb);
  }

  /** Whether the code of this verb is in it. */
  get hasVerb(): boolean {
    return existsSync(this.#marker);
  }

  /** The compiled code, of which V8 checks that it is for itself and for the program. */
  read(): Buffer | undefined {
    try {
      const descriptor = openSync(
        this.#file,
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
      try {
        // It is code: nobody else may have written it, as where sudo keeps HOME.
        const { uid, mode } = fstatSync(descriptor);
        if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) return undefined;
        return readFileSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    } catch {
      return undefined;
    }
  }

  /** Keeps what of the program has been compiled by now, what came from the cache included. */
  write(script: Script): void {
    const temporary = `${this.#file}.${process.pid}`;
    try {
      if (!this.#makeDirectory()) return;
      writeFileSync(temporary, script.createCachedData(), { mode: 0o600, flag: "wx" });
      renameSync(temporary, this.#file);
      writeFileSync(this.#marker, "");
      this.#prune();
    } catch {
      // Not even this can be removed where there is no directory.
      try {
        rmSync(temporary, { force: true });
      } catch {}
    }
  }

  /**
   * False where it would be another user's, or somewhere else: root with a HOME that is not root's must write
   * nothing there, and above all remove nothing.
   */
  #makeDirectory(): boolean {
    let existing = this.#directory;
    while (!existsSync(existing)) existing = dirname(existing);
    if (!isOwnDirectory(existing)) return false;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    return isOwnDirectory(this.#directory) && isOwnDirectory(dirname(this.#directory));
  }

  #prune(): void {
    const parent = dirname(this.#directory);
    for (const name of readdirSync(parent)) {
      const path = join(parent, name);
      if (!versionPattern.test(name) || path === this.#directory || !isOwnDirectory(path)) continue;
      if (lstatSync(path).mtimeMs < Date.now() - keptMs) rmSync(path, { recursive: true, force: true });
    }
  }

  get #file(): string {
    return join(this.#directory, "code");
  }

  get #marker(): string {
    return join(this.#directory, `has-${this.#verb}`);
  }
}
