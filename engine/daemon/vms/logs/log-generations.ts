import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseBytesBefore } from "./log-entry.ts";

/** How often a rotation that goes on is waited for, a millisecond each. */
const maxAttempts = 50;

/** One file of a log, which stays the same whatever its name is meanwhile. */
export interface Generation {
  file: FileHandle;
  inode: number;
}

/**
 * The files of a log: `log` is the newest, `log.1` the one before it, and so on. The writer renames them at
 * any time: what was opened is known by its inode.
 */
export class LogGenerations {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Opens all that there are, the oldest first. */
  async openAll(): Promise<Generation[]> {
    for (let attempt = 1; ; attempt++) {
      const names = await this.#names();
      const found: Generation[] = [];
      try {
        // The newest first: a rotation makes files older, so that none is missed; one may come twice.
        for (const name of names) {
          const generation = await openGeneration(name);
          if (!generation) continue;
          if (found.some(({ inode }) => inode === generation.inode)) await generation.file.close();
          else found.push(generation);
        }
      } catch (error) {
        await closeAll(found);
        throw error;
      }
      const inodes = await Promise.all(names.map(inodeOf));
      const isSettled =
        isWhole(this.#path, names) &&
        inodes.length === found.length &&
        inodes.every((inode, age) => inode === found[age]?.inode);
      if (isSettled || attempt === maxAttempts) return found.reverse();
      await closeAll(found);
      await sleep(1);
    }
  }

  /**
   * Opens the generation after one that is open; undefined as long as there is none. Where the open one and
   * others after it are gone, that is the oldest there is.
   */
  async openSuccessor({ inode }: Generation): Promise<Generation | undefined> {
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const names = await this.#names();
      let age = -1;
      for (const [index, name] of names.entries()) {
        if ((await inodeOf(name)) !== inode) continue;
        age = index;
        break;
      }
      const predecessor = names[age];
      // Between two renames the newest has no name.
      const next = age < 0 ? names.at(-1) : age > 0 ? names[age - 1] : undefined;
      if (age === 0 && predecessor === this.#path) return undefined;
      const generation = next === undefined ? undefined : await openGeneration(next);
      if (generation) {
        if (predecessor === undefined || (await inodeOf(predecessor)) === inode) return generation;
        await generation.file.close();
      }
      await sleep(1);
    }
    return undefined;
  }

  /** Bytes of the log that were rotated away before anybody read on. */
  async lostBytes(): Promise<number> {
    const [oldest, ...others] = await this.openAll();
    try {
      return oldest ? await bytesBefore(oldest) : 0;
    } finally {
      await closeAll(oldest ? [oldest, ...others] : []);
    }
  }

  /** Paths, the newest first. */
  async #names(): Promise<string[]> {
    const directory = dirname(this.#path);
    const base = basename(this.#path);
    const ages = (await readdir(directory).catch(() => [])).flatMap((name) => {
      if (name === base) return [0];
      return name.startsWith(`${base}.`) && /^[1-9][0-9]{0,5}$/.test(name.slice(base.length + 1))
        ? [Number(name.slice(base.length + 1))]
        : [];
    });
    return ages.sort((a, b) => a - b).map((age) => join(directory, age === 0 ? base : `${base}.${age}`));
  }
}

/** Bytes of the generations before this one. */
export async function bytesBefore({ file }: Generation): Promise<number> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(32), 0, 32, 0);
  return parseBytesBefore(buffer.subarray(0, bytesRead));
}

export async function closeAll(generations: readonly Generation[]): Promise<void> {
  await Promise.all(generations.map(({ file }) => file.close()));
}

/** No name is missing because of a rename. */
function isWhole(path: string, names: readonly string[]): boolean {
  return names.every((name, age) => name === (age === 0 ? path : `${path}.${age}`));
}

async function openGeneration(path: string): Promise<Generation | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return { file, inode: (await file.stat()).ino };
}

async function inodeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.ino;
}
