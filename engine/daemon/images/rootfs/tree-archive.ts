import { closeSync, openSync, readSync } from "node:fs";
import { type TarType, tarEnd, tarHeader, tarPadding, tarType } from "../../../common/tar/tar-writer.ts";
import { type Kind, kind } from "../layers/layer-index.ts";
import type { Inode } from "./tree.ts";

const chunkBytes = 256 * 1024;

const types: Partial<Record<Kind, TarType>> = {
  [kind.file]: tarType.file,
  [kind.directory]: tarType.directory,
  [kind.symlink]: tarType.symlink,
  [kind.characterDevice]: tarType.characterDevice,
  [kind.blockDevice]: tarType.blockDevice,
  [kind.fifo]: tarType.fifo,
};

/**
 * Writes part of an image's tree as a tar archive, in the order of names: `top`, called `name`, and what is
 * below it, with owners, modes, times to the nanosecond, devices, extended attributes (SCHILY.xattr) and hard
 * links as such. Names are binary strings. `put` gets pieces of a quarter of a MiB and may keep them. Runs to
 * its end: not on the engine's main thread.
 */
export function archiveTree(
  top: Inode,
  name: string,
  dataPaths: readonly string[],
  put: (chunk: Buffer) => void,
): void {
  const writer = new ChunkWriter(put);
  const blobs = new Map<number, number>();
  const names = new Map<Inode, string>();
  const blob = (layer: number): number => {
    let fd = blobs.get(layer);
    if (fd === undefined) {
      fd = openSync(dataPaths[layer] ?? "", "r");
      blobs.set(layer, fd);
    }
    return fd;
  };
  try {
    const pending = [{ path: name, inode: top }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { path, inode } = next;
      const isDirectory = inode.kind === kind.directory;
      const first = names.get(inode);
      const type = first === undefined ? types[inode.kind] : tarType.hardlink;
      if (type === undefined) continue;
      const size = type === tarType.file ? inode.size : 0;
      const isDevice = inode.kind === kind.characterDevice || inode.kind === kind.blockDevice;
      writer.write(
        tarHeader({
          name: isDirectory ? `${path}/` : path,
          type,
          linkName: first ?? (inode.kind === kind.symlink ? inode.link : ""),
          mode: inode.mode,
          uid: inode.uid,
          gid: inode.gid,
          size,
          mtimeSeconds: inode.mtimeSeconds,
          mtimeNanoseconds: inode.mtimeNanoseconds,
          ...(isDevice ? { deviceMajor: inode.deviceMajor, deviceMinor: inode.deviceMinor } : {}),
          xattrs: first === undefined ? inode.xattrs : [],
        }),
      );
      if (size > 0) writer.copy(blob(inode.dataLayer), inode.dataOffset, size);
      writer.zeros(tarPadding(size));
      if (!isDirectory && inode.links > 1 && first === undefined) names.set(inode, path);
      for (const [child, node] of [...(inode.children ?? [])].reverse())
        pending.push({ path: `${path}/${child}`, inode: node });
    }
    writer.write(tarEnd);
    writer.flush();
  } finally {
    for (const fd of blobs.values()) closeSync(fd);
  }
}

/** Cuts what is written into pieces of one size. */
class ChunkWriter {
  readonly #put: (chunk: Buffer) => void;
  #chunk = Buffer.allocUnsafeSlow(chunkBytes);
  #filled = 0;

  constructor(put: (chunk: Buffer) => void) {
    this.#put = put;
  }

  write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const step = bytes.copy(this.#chunk, this.#filled, at);
      at += step;
      this.#advance(step);
    }
  }

  zeros(count: number): void {
    for (let left = count; left > 0; ) {
      const step = Math.min(left, chunkBytes - this.#filled);
      this.#chunk.fill(0, this.#filled, this.#filled + step);
      left -= step;
      this.#advance(step);
    }
  }

  /** `size` bytes of a file from `offset` on. */
  copy(fd: number, offset: number, size: number): void {
    for (let done = 0; done < size; ) {
      const wanted = Math.min(size - done, chunkBytes - this.#filled);
      const read = readSync(fd, this.#chunk, this.#filled, wanted, offset + done);
      if (read === 0) throw new Error("a layer's data is cut");
      done += read;
      this.#advance(read);
    }
  }

  flush(): void {
    if (this.#filled > 0) this.#put(this.#chunk.subarray(0, this.#filled));
    this.#filled = 0;
  }

  #advance(bytes: number): void {
    this.#filled += bytes;
    if (this.#filled < chunkBytes) return;
    this.flush();
    this.#chunk = Buffer.allocUnsafeSlow(chunkBytes);
  }
}
