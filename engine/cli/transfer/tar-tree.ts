/** Files of this machine as a tar archive, for `cp` into a VM. */
import type { BigIntStats } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink } from "node:fs/promises";
import {
  type TarMember,
  type TarType,
  tarEnd,
  tarHeader,
  tarPadding,
  tarType,
} from "../../common/tar/tar-writer.ts";
import type { LocalSource } from "./copy-source.ts";

const pieceBytes = 256 * 1024;

/**
 * The archive of `source` and what is below it, with owners, modes, times and hard links. Sockets are left
 * out, and what is removed meanwhile. Throws the system's errors.
 * @param onSkipped told of the paths of sockets
 */
export async function* tarTree(
  { name, path, stat }: LocalSource,
  onSkipped: (path: string) => void,
): AsyncGenerator<Buffer> {
  const tree = new TarTree(onSkipped);
  yield* tree.entry(binary(name), binary(path), stat);
  yield tarEnd;
}

/** Names and paths are binary strings, one character a byte: they need not be UTF-8. */
class TarTree {
  readonly #onSkipped: (path: string) => void;
  /** Files with several names, by device and inode: the first one in the archive. */
  readonly #links = new Map<string, string>();

  constructor(onSkipped: (path: string) => void) {
    this.#onSkipped = onSkipped;
  }

  async *entry(name: string, path: string, stat: BigIntStats): AsyncGenerator<Buffer> {
    if (stat.isSocket()) {
      this.#onSkipped(bytes(path).toString("utf8"));
    } else if (stat.isDirectory()) {
      yield member(`${name}/`, stat, tarType.directory);
      yield* this.#directory(name, path);
    } else if (stat.isSymbolicLink()) {
      yield member(name, stat, tarType.symlink, { linkName: await readlink(bytes(path), "latin1") });
    } else if (stat.isFile()) {
      yield* this.#file(name, path, stat);
    } else {
      yield member(name, stat, specialType(stat), devices(stat));
    }
  }

  async *#directory(name: string, path: string): AsyncGenerator<Buffer> {
    const children = await readdir(bytes(path), "latin1");
    for (const child of children.sort()) {
      const below = `${path}/${child}`;
      const stat = await lstat(bytes(below), { bigint: true }).catch(missing);
      if (stat) yield* this.entry(`${name}/${child}`, below, stat);
    }
  }

  async *#file(name: string, path: string, stat: BigIntStats): AsyncGenerator<Buffer> {
    const inode = `${stat.dev}:${stat.ino}`;
    const first = this.#links.get(inode);
    if (first !== undefined) {
      yield member(name, stat, tarType.hardlink, { linkName: first });
      return;
    }
    const file = await open(bytes(path), "r").catch(missing);
    if (!file) return;
    try {
      if (stat.nlink > 1n) this.#links.set(inode, name);
      const size = Number(stat.size);
      yield member(name, stat, tarType.file, { size });
      yield* contents(file, size);
      yield Buffer.alloc(tarPadding(size));
    } finally {
      await file.close();
    }
  }
}

/** As many bytes as the header has promised, whatever becomes of the file. */
async function* contents(file: FileHandle, size: number): AsyncGenerator<Buffer> {
  let left = size;
  while (left > 0) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(Math.min(left, pieceBytes)));
    if (bytesRead === 0) break;
    yield buffer.subarray(0, bytesRead);
    left -= bytesRead;
  }
  for (; left > 0; left -= pieceBytes) yield Buffer.alloc(Math.min(left, pieceBytes));
}

function member(name: string, stat: BigIntStats, type: TarType, more: Partial<TarMember> = {}): Buffer {
  const seconds = Math.floor(Number(stat.mtimeNs / 1_000_000n) / 1000);
  return tarHeader({
    name,
    type,
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtimeSeconds: seconds,
    mtimeNanoseconds: Number(stat.mtimeNs - BigInt(seconds) * 1_000_000_000n),
    xattrs: [],
    ...more,
  });
}

function specialType(stat: BigIntStats): TarType {
  if (stat.isFIFO()) return tarType.fifo;
  return stat.isBlockDevice() ? tarType.blockDevice : tarType.characterDevice;
}

/** glibc's major() and minor(). */
function devices({ rdev }: BigIntStats): Partial<TarMember> {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return { deviceMajor: Number(major), deviceMinor: Number(minor) };
}

/** A name's bytes, one character each. */
function binary(text: string): string {
  return Buffer.from(text).toString("latin1");
}

function bytes(path: string): Buffer {
  return Buffer.from(path, "latin1");
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
