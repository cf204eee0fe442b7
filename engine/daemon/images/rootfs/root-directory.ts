import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  symlinkSync,
} from "node:fs";
import { copyRange, lsetxattr, mknod } from "../../../../native/index.ts";
import { LongPaths } from "../../../common/long-paths.ts";
import { fileTime } from "../../../common/tar/tar-header.ts";
import type { UnpackProgress } from "../../../protocol/vm.ts";
import { kind } from "../layers/layer-index.ts";
import type { Inode } from "./tree.ts";

export interface MaterializeOptions {
  /** Data blobs of the layers, by number. */
  dataPaths: readonly string[];
  /** As root: owners, devices and privileged attributes too. */
  privileged: boolean;
  /** Is told of every piece that is written; of the last one when everything is. */
  onProgress?: (progress: UnpackProgress) => void;
}

/** A copy in the kernel cannot be interrupted. */
const copyStepBytes = 64 << 20;

const typeBits: Record<number, number> = {
  [kind.characterDevice]: 0o020000,
  [kind.blockDevice]: 0o060000,
  [kind.fifo]: 0o010000,
};

/**
 * Writes a tree of an image as real files into `directory`, which must not exist. Nothing of the image is
 * ever followed: every directory is one that was made here a moment before, and files are made exclusively.
 *
 * For an ordinary user everything belongs to the user, devices are left out, directories stay accessible to
 * the user (u+rwx), and attributes that need privileges are left out. Setuid bits are kept: the store is
 * closed to other users. Runs to its end: not on the engine's main thread.
 */
export function materialize(root: Inode, directory: string, options: MaterializeOptions): void {
  const { privileged, onProgress } = options;
  const totalBytes = onProgress ? fileBytes(root) : 0;
  let currentBytes = 0;
  const paths = new LongPaths();
  const bytes = (path: string): Buffer => Buffer.from(paths.reach(path), "latin1");
  const blobs = new Map<number, number>();
  const names = new Map<Inode, string>();
  const directories: { path: string; inode: Inode }[] = [];
  const pending: { path: string; inode: Inode }[] = [
    { path: Buffer.from(directory).toString("latin1"), inode: root },
  ];
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
      mkdirSync(bytes(next.path), { mode: 0o700 });
      directories.push(next);
      for (const [name, inode] of next.inode.children ?? []) {
        const path = `${next.path}/${name}`;
        if (inode.kind === kind.directory) {
          pending.push({ path, inode });
          continue;
        }
        const first = names.get(inode);
        if (first !== undefined && link(bytes(first), bytes(path))) continue;
        if (inode.kind === kind.file) {
          const fd = openSync(
            bytes(path),
            constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
            0o600,
          );
          try {
            for (let at = 0; at < inode.size; at += copyStepBytes) {
              const step = Math.min(copyStepBytes, inode.size - at);
              copyRange(blob(inode.dataLayer), fd, inode.dataOffset + at, at, step);
              currentBytes += step;
              if (currentBytes < totalBytes) onProgress?.({ currentBytes, totalBytes });
            }
            if (privileged) fchownSync(fd, inode.uid, inode.gid);
            setXattrs(bytes(path), inode, options);
            // After the owner: a change of owner clears the setuid bits.
            fchmodSync(fd, inode.mode);
            futimesSync(fd, fileTime(inode), fileTime(inode));
          } finally {
            closeSync(fd);
          }
        } else if (inode.kind === kind.symlink) {
          symlinkSync(Buffer.from(inode.link, "latin1"), bytes(path));
          if (privileged) lchownSync(bytes(path), inode.uid, inode.gid);
          setXattrs(bytes(path), inode, options);
          lutimesSync(bytes(path), fileTime(inode), fileTime(inode));
        } else {
          if (!privileged && inode.kind !== kind.fifo) continue;
          const name8 = utf8(bytes(path));
          // mknod of the addon takes UTF-8 only; devices with other names are left out.
          if (name8 === undefined) continue;
          mknod(name8, (typeBits[inode.kind] ?? 0) | 0o600, inode.deviceMajor, inode.deviceMinor);
          if (privileged) lchownSync(bytes(path), inode.uid, inode.gid);
          chmodSync(bytes(path), inode.mode);
          lutimesSync(bytes(path), fileTime(inode), fileTime(inode));
        }
        if (inode.links > 1) names.set(inode, path);
      }
    }
    // Inner directories first, when nothing more is made in them.
    for (const { path, inode } of directories.reverse()) {
      if (privileged) lchownSync(bytes(path), inode.uid, inode.gid);
      setXattrs(bytes(path), inode, options);
      chmodSync(bytes(path), privileged ? inode.mode : inode.mode | 0o700);
      lutimesSync(bytes(path), fileTime(inode), fileTime(inode));
    }
    onProgress?.({ currentBytes: totalBytes, totalBytes });
  } finally {
    for (const fd of blobs.values()) closeSync(fd);
    paths.close();
  }
}

/** Of all files of a tree, each once. */
function fileBytes(root: Inode): number {
  const seen = new Set<Inode>();
  const pending = [root];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const inode of next.children?.values() ?? []) {
      if (inode.kind === kind.directory) pending.push(inode);
      else if (inode.kind === kind.file) seen.add(inode);
    }
  }
  let bytes = 0;
  for (const { size } of seen) bytes += size;
  return bytes;
}

/**
 * False where the file system allows no more names of one file (ext4: 65,000): then there has to be a copy.
 */
function link(existing: Buffer, path: Buffer): boolean {
  try {
    linkSync(existing, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EMLINK") throw error;
    return false;
  }
}

/** Undefined for what is no UTF-8. */
function utf8(bytes: Buffer): string | undefined {
  const text = bytes.toString("utf8");
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

/**
 * ext4 has one block for a file's attributes that do not fit into its inode: ENOSPC may mean that it is full,
 * not the disk.
 */
const certainXattrBytes = 2048;

function setXattrs(path: Buffer, inode: Inode, { privileged }: MaterializeOptions): void {
  const { xattrs } = inode;
  if (xattrs.length === 0) return;
  const name8 = utf8(path);
  if (name8 === undefined) return;
  const unsupported = ["ENOTSUP", "EOPNOTSUPP", "EPERM", "EINVAL", "E2BIG"];
  if (xattrs.reduce((sum, [name, value]) => sum + name.length + value.length, 0) > certainXattrBytes)
    unsupported.push("ENOSPC");
  for (const [name, value] of xattrs) {
    if (!privileged && !name.startsWith("user.")) continue;
    try {
      lsetxattr(name8, Buffer.from(name, "latin1").toString("utf8"), Buffer.from(value, "latin1"));
    } catch (error) {
      // As umoci and Docker: what this file system or kernel does not support is left out.
      if (!unsupported.includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
}

/**
 * The first difference between `directory` and what `materialize` would make of the tree; undefined if there
 * is none.
 */
export function compareRoot(root: Inode, directory: string, options: MaterializeOptions): string | undefined {
  const paths = new LongPaths();
  const bytes = (path: string): Buffer => Buffer.from(paths.reach(path), "latin1");
  const blobs = options.dataPaths.map((path) => openSync(path, "r"));
  const buffers: [Buffer, Buffer] = [Buffer.alloc(compareBytes), Buffer.alloc(compareBytes)];
  try {
    const pending = [{ path: Buffer.from(directory).toString("latin1"), name: "/", inode: root }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const children = new Map(next.inode.children);
      for (const name of readdirSync(bytes(next.path), { encoding: "latin1" })) {
        const shown = `${next.name}${Buffer.from(name, "latin1")}`;
        const inode = children.get(name);
        if (!inode) return `${shown} is too much`;
        children.delete(name);
        const path = `${next.path}/${name}`;
        const stat = lstatSync(bytes(path));
        if ((stat.mode & constants.S_IFMT) !== formatBits[inode.kind]) return `${shown} is of another type`;
        if (inode.kind === kind.directory) pending.push({ path, name: `${shown}/`, inode });
        else if (inode.kind === kind.symlink && readlinkSync(bytes(path), "latin1") !== inode.link)
          return `${shown} points elsewhere`;
        if (inode.kind === kind.file) {
          if (stat.size !== inode.size) return `${shown} has ${stat.size} bytes instead of ${inode.size}`;
          if (!sameBytes(bytes(path), blobs[inode.dataLayer] ?? -1, inode, buffers))
            return `${shown} has other contents`;
        }
        if (options.privileged && (stat.uid !== inode.uid || stat.gid !== inode.gid))
          return `${shown} belongs to somebody else`;
      }
      for (const [name, inode] of children) {
        const isDevice = inode.kind === kind.characterDevice || inode.kind === kind.blockDevice;
        if (!isDevice || options.privileged) return `${next.name}${Buffer.from(name, "latin1")} is missing`;
      }
    }
    return undefined;
  } finally {
    for (const fd of blobs) closeSync(fd);
    paths.close();
  }
}

const compareBytes = 1 << 20;

const formatBits: Record<number, number> = {
  ...typeBits,
  [kind.file]: constants.S_IFREG,
  [kind.directory]: constants.S_IFDIR,
  [kind.symlink]: constants.S_IFLNK,
};

function sameBytes(path: Buffer, blob: number, inode: Inode, [a, b]: [Buffer, Buffer]): boolean {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (let at = 0; at < inode.size; ) {
      const length = Math.min(compareBytes, inode.size - at);
      const read = readSync(fd, a, 0, length, at);
      if (read === 0 || readSync(blob, b, 0, read, inode.dataOffset + at) !== read) return false;
      if (a.compare(b, 0, read, 0, read) !== 0) return false;
      at += read;
    }
    return true;
  } finally {
    closeSync(fd);
  }
}
