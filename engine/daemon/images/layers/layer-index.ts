import { closeSync, openSync, readSync } from "node:fs";

/**
 * A layer's index: its entries in archive order, with everything but the contents of files. Format, little
 * endian:
 *
 *   header  64 bytes: "MKRLAYR1", f64 bytes of the uncompressed tar, f64 bytes of the data blob,
 *                     u32 entries, u32 1 if the next is known (0 in older indexes), f64 bytes of all files,
 *                     zeros
 *   entry   48 bytes: u8 kind, u8 0, u16 mode, u32 uid, u32 gid, u32 mtime nanoseconds, f64 mtime seconds,
 *                     f64 size, f64 offset in the data blob (devices: u32 major, u32 minor),
 *                     u16 bytes of the path, u16 bytes of the link, u32 bytes of the xattrs;
 *           then the path, the link (a symlink's text, a hard link's target path) and the
 *           xattrs: u16 name bytes, u32 value bytes, name, value, repeated
 *
 * A file whose offset is no multiple of 4 KiB is a small one: its inode lies just before its contents
 * (erofs-inode.ts). Paths are relative to the root and clean; "" is the root. Strings are "binary" ones: one
 * character a byte.
 */
export const kind = {
  /** Hides `path` of the layers below. */
  whiteout: 0,
  /** Hides everything that the layers below have in the directory `path`. */
  opaque: 1,
  file: 2,
  directory: 3,
  symlink: 4,
  hardlink: 5,
  characterDevice: 6,
  blockDevice: 7,
  fifo: 8,
} as const;

export type Kind = (typeof kind)[keyof typeof kind];

export type Xattr = [name: string, value: string];

export interface LayerEntry {
  kind: Kind;
  path: string;
  link: string;
  mode: number;
  uid: number;
  gid: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  size: number;
  dataOffset: number;
  deviceMajor: number;
  deviceMinor: number;
  xattrs: readonly Xattr[];
}

export interface LayerTotals {
  tarBytes: number;
  dataBytes: number;
  entries: number;
  /** Of all files: the size of a layer in Docker. Undefined in an index of an older version. */
  contentBytes?: number;
}

const magic = "MKRLAYR1";
const headerBytes = 64;
const entryBytes = 48;

/** Bytes of the index that are kept together; more only for an entry that needs more. */
const chunkBytes = 256 * 1024;

export class LayerIndexWriter {
  readonly #full: Buffer[] = [];
  #fullBytes = 0;
  #buffer = Buffer.allocUnsafeSlow(1 << 16);
  #length = headerBytes;
  #last = 0;
  #entries = 0;
  #contentBytes = 0;

  get entries(): number {
    return this.#entries;
  }

  get bytes(): number {
    return this.#fullBytes + this.#length;
  }

  add(entry: LayerEntry): void {
    let xattrBytes = 0;
    for (const [name, value] of entry.xattrs) xattrBytes += 6 + name.length + value.length;
    const needed = entryBytes + entry.path.length + entry.link.length + xattrBytes;
    if (this.#length + needed > this.#buffer.length) {
      this.#full.push(this.#buffer.subarray(0, this.#length));
      this.#fullBytes += this.#length;
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(chunkBytes, needed));
      this.#length = 0;
    }
    const b = this.#buffer;
    let at = this.#length;
    this.#last = at;
    b[at] = entry.kind;
    b[at + 1] = 0;
    b.writeUInt16LE(entry.mode, at + 2);
    b.writeUInt32LE(entry.uid, at + 4);
    b.writeUInt32LE(entry.gid, at + 8);
    b.writeUInt32LE(entry.mtimeNanoseconds, at + 12);
    b.writeDoubleLE(entry.mtimeSeconds, at + 16);
    b.writeDoubleLE(entry.size, at + 24);
    if (entry.kind === kind.characterDevice || entry.kind === kind.blockDevice) {
      b.writeUInt32LE(entry.deviceMajor, at + 32);
      b.writeUInt32LE(entry.deviceMinor, at + 36);
    } else b.writeDoubleLE(entry.dataOffset, at + 32);
    b.writeUInt16LE(entry.path.length, at + 40);
    b.writeUInt16LE(entry.link.length, at + 42);
    b.writeUInt32LE(xattrBytes, at + 44);
    at += entryBytes;
    at += b.write(entry.path, at, "latin1");
    at += b.write(entry.link, at, "latin1");
    for (const [name, value] of entry.xattrs) {
      b.writeUInt16LE(name.length, at);
      b.writeUInt32LE(value.length, at + 2);
      at += 6;
      at += b.write(name, at, "latin1");
      at += b.write(value, at, "latin1");
    }
    this.#length = at;
    this.#entries++;
    if (entry.kind === kind.file) this.#contentBytes += entry.size;
  }

  /** Changes the last entry, a file whose contents turned out to be elsewhere. */
  setDataOffset(offset: number): void {
    this.#buffer.writeDoubleLE(offset, this.#last + 32);
  }

  /** The finished index, in pieces. */
  finish(totals: { tarBytes: number; dataBytes: number }): Buffer[] {
    const pieces = [...this.#full, this.#buffer.subarray(0, this.#length)];
    const [first] = pieces;
    if (first === undefined) return [];
    first.fill(0, 0, headerBytes);
    first.write(magic, 0, "latin1");
    first.writeDoubleLE(totals.tarBytes, 8);
    first.writeDoubleLE(totals.dataBytes, 16);
    first.writeUInt32LE(this.#entries, 24);
    first.writeUInt32LE(1, 28);
    first.writeDoubleLE(this.#contentBytes, 32);
    return pieces;
  }
}

/** The header of an index; null if `bytes` do not begin with one. */
export function readTotals(bytes: Buffer): LayerTotals | null {
  if (bytes.length < headerBytes || bytes.toString("latin1", 0, 8) !== magic) return null;
  return {
    tarBytes: bytes.readDoubleLE(8),
    dataBytes: bytes.readDoubleLE(16),
    entries: bytes.readUInt32LE(24),
    ...(bytes.readUInt32LE(28) === 1 ? { contentBytes: bytes.readDoubleLE(32) } : {}),
  };
}

/** The header of the index in a file; null if it is none. */
export function readLayerTotals(path: string): LayerTotals | null {
  const head = Buffer.alloc(headerBytes);
  const fd = openSync(path, "r");
  try {
    return readTotals(head.subarray(0, readSync(fd, head, 0, headerBytes, 0)));
  } finally {
    closeSync(fd);
  }
}

const none: readonly Xattr[] = [];

/**
 * An entry, read from the bytes it is in when asked for: objects for each of them would need far more memory.
 */
export class Attributes {
  /** The index or listing, and the entry's offset in it. */
  readonly #buffer: Buffer;
  readonly #at: number;

  constructor(buffer: Buffer, at: number) {
    this.#buffer = buffer;
    this.#at = at;
  }

  get path(): string {
    const start = this.#at + entryBytes;
    return this.#buffer.toString("latin1", start, start + this.#pathBytes);
  }
  get mode(): number {
    return this.#buffer.readUInt16LE(this.#at + 2);
  }
  get uid(): number {
    return this.#buffer.readUInt32LE(this.#at + 4);
  }
  get gid(): number {
    return this.#buffer.readUInt32LE(this.#at + 8);
  }
  get mtimeNanoseconds(): number {
    return this.#buffer.readUInt32LE(this.#at + 12);
  }
  get mtimeSeconds(): number {
    return this.#buffer.readDoubleLE(this.#at + 16);
  }
  get size(): number {
    return this.#buffer.readDoubleLE(this.#at + 24);
  }
  /** For files only. */
  get dataOffset(): number {
    return this.#buffer.readDoubleLE(this.#at + 32);
  }
  /** For devices only. */
  get deviceMajor(): number {
    return this.#buffer.readUInt32LE(this.#at + 32);
  }
  get deviceMinor(): number {
    return this.#buffer.readUInt32LE(this.#at + 36);
  }
  /** Where the next entry begins. */
  get end(): number {
    return this.#at + entryBytes + this.#pathBytes + this.#linkBytes + this.#xattrBytes;
  }
  get link(): string {
    const start = this.#at + entryBytes + this.#pathBytes;
    return this.#buffer.toString("latin1", start, start + this.#linkBytes);
  }
  get xattrs(): readonly Xattr[] {
    const start = this.#at + entryBytes + this.#pathBytes + this.#linkBytes;
    const length = this.#xattrBytes;
    return length === 0 ? none : readXattrs(this.#buffer, start, start + length);
  }
  get #pathBytes(): number {
    return this.#buffer.readUInt16LE(this.#at + 40);
  }
  get #linkBytes(): number {
    return this.#buffer.readUInt16LE(this.#at + 42);
  }
  get #xattrBytes(): number {
    return this.#buffer.readUInt32LE(this.#at + 44);
  }
}

function readXattrs(b: Buffer, start: number, end: number): Xattr[] {
  const xattrs: Xattr[] = [];
  for (let at = start; at < end; ) {
    const nameBytes = b.readUInt16LE(at);
    const valueBytes = b.readUInt32LE(at + 2);
    at += 6;
    xattrs.push([
      b.toString("latin1", at, at + nameBytes),
      b.toString("latin1", at + nameBytes, at + nameBytes + valueBytes),
    ]);
    at += nameBytes + valueBytes;
  }
  return xattrs;
}
