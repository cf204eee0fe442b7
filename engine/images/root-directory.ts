import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
} from "node:fs";
import { kind } from "./layer-index.ts";
import type { Inode, Tree } from "./tree.ts";

/** The system calls that Node lacks, see native/index.ts. */
export interface NativeFiles {
  copyRange(
    sourceFd: number,
    destinationFd: number,
    sourceOffset: number,
    destinationOffset: number,
    length: number,
  ): unknown;
  lsetxattr(path: string, name: string, value: Uint8Array): void;
  mknod(path: string, mode: number, major: number, minor: number): void;
}

export interface MaterializeOptions {
  /** Data blobs of the layers, by number. */
  dataPaths: readonly string[];
  native: NativeFiles;
  /** As root: owners, devices and privileged attributes too. */
  privileged: boolean;
  signal?: AbortSignal | undefined;
}

/** The engine serves its clients in between. */
const sliceMs = 8;
const copyStepBytes = 8 << 20;

const typeBits: Record<number, number> = {
  [kind.characterDevice]: 0o020000,
  [kind.blockDevice]: 0o060000,
  [kind.fifo]: 0o010000,
};

/**
 * Writes a tree of an image as real files into `folder`, which must not exist. Nothing of the image is ever followed:
 * every folder is one that was made here a moment before, and files are made exclusively.
 *
 * For an ordinary user everything belongs to the user, devices are left out, folders stay accessible to the user (u+rwx), and attributes
 * that need privileges are left out. Setuid bits are kept: the store is closed to other users.
 */
export async function materialize(tree: Tree, folder: string, options: MaterializeOptions): Promise<void> {
  const { native, privileged, signal } = options;
  const blobs = new Map<number, number>();
  const names = new Map<Inode, string>();
  const folders: { path: string; inode: Inode }[] = [];
  const pending: { path: string; inode: Inode }[] = [
    { path: Buffer.from(folder).toString("latin1"), inode: tree.inode },
  ];
  let sliceEnd = Date.now() + sliceMs;
  const pause = async (): Promise<void> => {
    if (Date.now() < sliceEnd) return;
    await new Promise(setImmediate);
    signal?.throwIfAborted();
    sliceEnd = Date.now() + sliceMs;
  };
  const blob = (layer: number): number => {
    let fd = blobs.get(layer);
    if (fd === undefined) {
      fd = openSync(options.dataPaths[layer] ?? "", "r");
      blobs.set(layer, fd);
    }
    return fd;
  };

  try {
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      await pause();
      const directory = bytes(next.path);
      mkdirSync(directory, { mode: 0o700 });
      folders.push(next);
      for (const [name, { inode }] of next.inode.children ?? []) {
        const path = `${next.path}/${name}`;
        if (inode.kind === kind.directory) {
          pending.push({ path, inode });
          continue;
        }
        await pause();
        const first = names.get(inode);
        if (first !== undefined) {
          linkSync(bytes(first), bytes(path));
          continue;
        }
        if (inode.kind === kind.file) {
          const fd = openSync(
            bytes(path),
            constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
            0o600,
          );
          try {
            for (let at = 0; at < inode.size; at += copyStepBytes) {
              native.copyRange(
                blob(inode.dataLayer),
                fd,
                inode.dataOffset + at,
                at,
                Math.min(copyStepBytes, inode.size - at),
              );
              await pause();
            }
            if (privileged) fchownSync(fd, inode.uid, inode.gid);
            setXattrs(path, inode, options);
            // After the owner: a change of owner clears the setuid bits.
            fchmodSync(fd, inode.mode);
            futimesSync(fd, modified(inode), modified(inode));
          } finally {
            closeSync(fd);
          }
        } else if (inode.kind === kind.symlink) {
          symlinkSync(bytes(inode.link), bytes(path));
          if (privileged) lchownSync(bytes(path), inode.uid, inode.gid);
          setXattrs(path, inode, options);
          lutimesSync(bytes(path), modified(inode), modified(inode));
        } else {
          if (!privileged && inode.kind !== kind.fifo) continue;
          const name8 = bytes(path).toString("utf8");
          // The call takes UTF-8 only; a device with another name is none that anybody needs.
          if (Buffer.compare(Buffer.from(name8), bytes(path)) !== 0) continue;
          native.mknod(name8, (typeBits[inode.kind] ?? 0) | 0o600, inode.deviceMajor, inode.deviceMinor);
          if (privileged) lchownSync(bytes(path), inode.uid, inode.gid);
          chmodSync(bytes(path), inode.mode);
          lutimesSync(bytes(path), modified(inode), modified(inode));
        }
        if (inode.links > 1) names.set(inode, path);
      }
    }
    // Inner folders first, when nothing more is made in them.
    for (const { path, inode } of folders.reverse()) {
      await pause();
      const directory = bytes(path);
      if (privileged) lchownSync(directory, inode.uid, inode.gid);
      setXattrs(path, inode, options);
      chmodSync(directory, privileged ? inode.mode : inode.mode | 0o700);
      lutimesSync(directory, modified(inode), modified(inode));
    }
  } finally {
    for (const fd of blobs.values()) closeSync(fd);
  }
}

function bytes(path: string): Buffer {
  return Buffer.from(path, "latin1");
}

/** Node takes a negative number for the present time, but not a Date before 1970. */
function modified(inode: Inode): number | Date {
  const seconds = inode.mtimeSeconds + inode.mtimeNanoseconds / 1e9;
  return seconds < 0 ? new Date(seconds * 1000) : seconds;
}

function setXattrs(path: string, inode: Inode, { native, privileged }: MaterializeOptions): void {
  if (inode.xattrs.length === 0) return;
  const name8 = bytes(path).toString("utf8");
  if (Buffer.compare(Buffer.from(name8), bytes(path)) !== 0) return;
  for (const [name, value] of inode.xattrs) {
    if (!privileged && !name.startsWith("user.")) continue;
    try {
      native.lsetxattr(name8, Buffer.from(name, "latin1").toString("utf8"), bytes(value));
    } catch (error) {
      // As umoci and Docker: what this file system or kernel does not support is left out.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "EPERM" && code !== "EINVAL") throw error;
    }
  }
}
