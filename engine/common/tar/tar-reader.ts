import {
  blockSize,
  decodeHeader,
  decodePax,
  maximumMetadataBytes,
  number,
  paxInteger,
  paxTime,
  TarError,
  type TarHeader,
  text,
} from "./tar-header.ts";

export type TarEntryKind =
  | "file"
  | "directory"
  | "symlink"
  | "hardlink"
  | "character-device"
  | "block-device"
  | "fifo";

export interface TarEntry {
  kind: TarEntryKind;
  /** As in the archive, a binary string; {@link cleanPath} makes it safe. */
  name: string;
  linkName: string;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of the file as a reader of the file sees it, holes included. */
  size: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  deviceMajor: number;
  deviceMinor: number;
  xattrs: [name: string, value: string][];
  /** Where the stored bytes of a sparse file belong; undefined: the file is stored whole. */
  segments: Segment[] | undefined;
}

export interface Segment {
  offset: number;
  length: number;
}

export interface TarHandler {
  entry(entry: TarEntry): void;
  /** Stored bytes of the last entry, in order. The chunk is only lent. */
  data(chunk: Buffer, start: number, end: number): void;
  /** All of the last entry's bytes have come. */
  endEntry(): void;
}

/** Type flags, POSIX pax(1) and GNU tar(1). */
const flag = {
  oldFile: 0x00,
  file: 0x30,
  hardlink: 0x31,
  symlink: 0x32,
  characterDevice: 0x33,
  blockDevice: 0x34,
  directory: 0x35,
  fifo: 0x36,
  contiguous: 0x37,
  gnuLongLink: 0x4b,
  gnuLongName: 0x4c,
  gnuSparse: 0x53,
  paxGlobal: 0x67,
  pax: 0x78,
} as const;

const kinds: Record<number, TarEntryKind> = {
  [flag.oldFile]: "file",
  [flag.file]: "file",
  [flag.contiguous]: "file",
  [flag.gnuSparse]: "file",
  [flag.hardlink]: "hardlink",
  [flag.symlink]: "symlink",
  [flag.characterDevice]: "character-device",
  [flag.blockDevice]: "block-device",
  [flag.directory]: "directory",
  [flag.fifo]: "fifo",
};

/**
 * A push parser: bytes go in by chunks of any size, entries and their bytes come out. The parser keeps at
 * most {@link maximumMetadataBytes} and never trusts a length before it has checked it. Throws TarError.
 */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #block = Buffer.alloc(blockSize);
  #filled = 0;
  /** Payload of a PAX or GNU name header, or a sparse map, while it is collected. */
  #payload: Buffer | undefined;
  #payloadFilled = 0;
  #payloadType = 0;
  #remaining = 0;
  #padding = 0;
  #state: "header" | "payload" | "data" | "gnu-sparse" | "pax-sparse" | "end" = "header";
  #pax: Map<string, string> | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;
  #pending: TarEntry | undefined;
  #zeroBlocks = 0;
  #sawHeader = false;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#padding > 0) {
        const step = Math.min(this.#padding, chunk.length - at);
        this.#padding -= step;
        at += step;
        continue;
      }
      switch (this.#state) {
        case "end":
          // Whatever follows the end mark is hashed by the caller and is no part of the archive, as for
          // Docker.
          return;
        case "data": {
          const step = Math.min(this.#remaining, chunk.length - at);
          this.#handler.data(chunk, at, at + step);
          this.#remaining -= step;
          at += step;
          if (this.#remaining === 0) this.#finishEntry();
          break;
        }
        case "payload":
        case "pax-sparse": {
          if (this.#state === "pax-sparse") {
            at = this.#block512(chunk, at);
            break;
          }
          const payload = this.#payload as Buffer;
          const step = Math.min(payload.length - this.#payloadFilled, chunk.length - at);
          chunk.copy(payload, this.#payloadFilled, at, at + step);
          this.#payloadFilled += step;
          at += step;
          if (this.#payloadFilled === payload.length) this.#finishPayload(payload);
          break;
        }
        default:
          at = this.#block512(chunk, at);
      }
    }
  }

  /**
   * For a reader of an archive that can seek: how many bytes from here on are no headers. They count as read,
   * and the handler does not get them.
   */
  skip(): number {
    let bytes = 0;
    if (this.#state === "data") {
      bytes = this.#remaining;
      this.#remaining = 0;
      this.#finishEntry();
    }
    bytes += this.#padding;
    this.#padding = 0;
    return bytes;
  }

  /** True after the end mark. */
  get ended(): boolean {
    return this.#state === "end";
  }

  /** The stream is over; throws if that is in the middle of something. */
  end(): void {
    if (this.#state === "end") return;
    // Go's reader and GNU tar take an archive that lacks its two blocks of zeros, so many images have none.
    const complete =
      this.#state === "header" &&
      this.#filled === 0 &&
      this.#padding < blockSize &&
      this.#pax === undefined &&
      this.#longName === undefined &&
      this.#longLink === undefined;
    if (!complete) throw new TarError("the tar archive ends in the middle of an entry");
  }

  /** True once any header was read: an empty input is a legal empty archive, random bytes are not. */
  get sawHeader(): boolean {
    return this.#sawHeader;
  }

  #block512(chunk: Buffer, at: number): number {
    if (this.#filled === 0 && chunk.length - at >= blockSize) {
      this.#takeBlock(chunk, at);
      return at + blockSize;
    }
    const step = Math.min(blockSize - this.#filled, chunk.length - at);
    chunk.copy(this.#block, this.#filled, at, at + step);
    this.#filled += step;
    if (this.#filled === blockSize) {
      this.#filled = 0;
      this.#takeBlock(this.#block, 0);
    }
    return at + step;
  }

  #takeBlock(block: Buffer, at: number): void {
    if (this.#state === "gnu-sparse") this.#gnuSparseBlock(block, at);
    else if (this.#state === "pax-sparse") this.#paxSparseBlock(block, at);
    else this.#header(block, at);
  }

  #header(block: Buffer, at: number): void {
    const header = decodeHeader(block, at);
    if (header === null) {
      if (++this.#zeroBlocks === 2) this.#state = "end";
      return;
    }
    if (this.#zeroBlocks > 0) throw new TarError("an entry after a block of zeros");
    this.#sawHeader = true;
    if (header.size < 0) throw new TarError(`"${header.name}" has a negative size`);
    switch (header.type) {
      case flag.pax:
      case flag.paxGlobal:
      case flag.gnuLongName:
      case flag.gnuLongLink:
        if (header.size > maximumMetadataBytes)
          throw new TarError(
            `an extended header of ${header.size} bytes; at most ${maximumMetadataBytes} are allowed`,
          );
        this.#payload = Buffer.allocUnsafe(header.size);
        this.#payloadFilled = 0;
        this.#payloadType = header.type;
        this.#state = "payload";
        if (header.size === 0) this.#finishPayload(this.#payload);
        return;
    }
    this.#begin(header, block, at);
  }

  #finishPayload(payload: Buffer): void {
    this.#payload = undefined;
    this.#padding = paddingOf(payload.length);
    this.#state = "header";
    switch (this.#payloadType) {
      case flag.pax:
        this.#pax = decodePax(payload);
        break;
      case flag.gnuLongName:
        this.#longName = text(payload, 0, payload.length);
        break;
      case flag.gnuLongLink:
        this.#longLink = text(payload, 0, payload.length);
        break;
      // A global header would change every later entry; Docker and containerd ignore it, so images look the
      // same.
    }
  }

  #begin(header: TarHeader, block: Buffer, at: number): void {
    const pax = this.#pax;
    const entry: TarEntry = {
      kind: "file",
      name: this.#longName ?? header.name,
      linkName: this.#longLink ?? header.linkName,
      mode: header.mode,
      uid: header.uid,
      gid: header.gid,
      size: header.size,
      mtimeSeconds: header.mtimeSeconds,
      mtimeNanoseconds: 0,
      deviceMajor: header.deviceMajor,
      deviceMinor: header.deviceMinor,
      xattrs: noXattrs,
      segments: undefined,
    };
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
    let sparseMap: string | undefined;
    let sparseInData = false;
    let realSize: number | undefined;
    if (pax) {
      for (const [key, value] of pax) {
        // An empty value takes an earlier (global) one back, POSIX pax(1).
        if (value === "" && !key.startsWith("SCHILY.xattr.")) continue;
        switch (key) {
          case "path":
            entry.name = value;
            break;
          case "linkpath":
            entry.linkName = value;
            break;
          case "size":
            // Decides where the next header is: a reader that keeps the ustar size here can be made to see
            // other entries than everybody else (CVE-2025-62518).
            entry.size = paxInteger(value, "size");
            break;
          case "uid":
            entry.uid = paxInteger(value, "owner");
            break;
          case "gid":
            entry.gid = paxInteger(value, "group");
            break;
          case "mtime": {
            const time = paxTime(value);
            entry.mtimeSeconds = time.seconds;
            entry.mtimeNanoseconds = time.nanoseconds;
            break;
          }
          case "GNU.sparse.map":
            sparseMap = value;
            break;
          case "GNU.sparse.major":
            sparseInData = value === "1";
            break;
          case "GNU.sparse.size":
          case "GNU.sparse.realsize":
            realSize = paxInteger(value, "size");
            break;
          default:
            if (key.startsWith("SCHILY.xattr.")) {
              if (entry.xattrs === noXattrs) entry.xattrs = [];
              entry.xattrs.push([key.slice("SCHILY.xattr.".length), value]);
            }
        }
      }
      const sparseName = pax.get("GNU.sparse.name");
      if (sparseName && (sparseMap !== undefined || sparseInData)) entry.name = sparseName;
    }
    if (entry.size < 0) throw new TarError(`"${entry.name}" has a negative size`);
    const kind = kinds[header.type];
    if (kind === undefined)
      throw new TarError(
        `"${entry.name}" is of the unknown tar type ${JSON.stringify(String.fromCharCode(header.type))}`,
      );
    entry.kind = kind;
    // Before POSIX a directory was a file whose name ends with a slash.
    const oldDirectory = header.type === flag.oldFile && entry.name.endsWith("/");
    if (oldDirectory) entry.kind = "directory";
    if (entry.kind !== "file") {
      // Only files have contents: the size of anything else says nothing about where the next header is (a
      // link's is the target's in some writers). Go's archive/tar, with which images are made, reads it so.
      this.#remaining = oldDirectory ? entry.size : 0;
      entry.size = 0;
      this.#handler.entry(entry);
      this.#startData();
      return;
    }
    this.#remaining = entry.size;
    if (header.type === flag.gnuSparse) {
      entry.segments = [];
      entry.size = number(block, at + 483, 12, "size");
      this.#pending = entry;
      this.#state = "gnu-sparse";
      this.#gnuSparseSegments(block, at + 386, 4);
      if (block[at + 482] === 0) this.#beginSparse();
      return;
    }
    if (sparseInData) {
      if (realSize === undefined) throw new TarError(`"${entry.name}" is sparse without a size`);
      entry.size = realSize;
      this.#pending = entry;
      this.#payload = Buffer.alloc(0);
      this.#state = "pax-sparse";
      return;
    }
    if (sparseMap !== undefined) {
      if (realSize === undefined) throw new TarError(`"${entry.name}" is sparse without a size`);
      entry.size = realSize;
      entry.segments = pairs(sparseMap.split(","));
      this.#pending = entry;
      this.#beginSparse();
      return;
    }
    this.#handler.entry(entry);
    this.#startData();
  }

  #startData(): void {
    this.#dataPadding = paddingOf(this.#remaining);
    this.#state = "data";
    if (this.#remaining === 0) this.#finishEntry();
  }
  #dataPadding = 0;

  #finishEntry(): void {
    this.#state = "header";
    this.#padding = this.#dataPadding;
    this.#handler.endEntry();
  }

  #gnuSparseBlock(block: Buffer, at: number): void {
    this.#gnuSparseSegments(block, at, 21);
    if (block[at + 504] === 0) this.#beginSparse();
  }

  #gnuSparseSegments(block: Buffer, at: number, count: number): void {
    const segments = this.#pending?.segments ?? [];
    for (let i = 0; i < count; i++) {
      const start = at + i * 24;
      if (block[start] === 0) break;
      segments.push({
        offset: number(block, start, 12, "sparse map"),
        length: number(block, start + 12, 12, "sparse map"),
      });
    }
    if (segments.length > 1 << 16) throw new TarError("a sparse file with too many parts");
  }

  /** PAX 1.0: the map precedes the data, one decimal number a line, filled up to a block. */
  #paxSparseBlock(block: Buffer, at: number): void {
    if (this.#remaining < blockSize) throw new TarError("a sparse map runs past its entry");
    this.#remaining -= blockSize;
    const map = Buffer.concat([this.#payload ?? Buffer.alloc(0), block.subarray(at, at + blockSize)]);
    if (map.length > maximumMetadataBytes) throw new TarError("a sparse file with too many parts");
    this.#payload = map;
    // A cheap look before the map is split, so that a long one is not split again for each of its blocks.
    if (map.length > blockSize && !block.subarray(at, at + blockSize).includes(0)) return;
    const lines = map.toString("latin1").split("\n");
    const count = paxInteger(lines[0] ?? "", "sparse map");
    if (count < 0 || count > 1 << 16) throw new TarError("a sparse file with too many parts");
    if (lines.length - 1 < 1 + 2 * count) return;
    this.#payload = undefined;
    if (this.#pending) this.#pending.segments = pairs(lines.slice(1, 1 + 2 * count));
    this.#beginSparse();
  }

  #beginSparse(): void {
    const entry = this.#pending as TarEntry;
    this.#pending = undefined;
    if (entry.size < 0) throw new TarError(`"${entry.name}" has a negative size`);
    let end = 0;
    let stored = 0;
    for (const { offset, length } of entry.segments ?? []) {
      if (
        offset < end ||
        length < 0 ||
        !Number.isSafeInteger(offset + length) ||
        offset + length > entry.size
      )
        throw new TarError(`"${entry.name}" has a sparse map that is out of order or out of range`);
      end = offset + length;
      stored += length;
    }
    if (stored !== this.#remaining)
      throw new TarError(`"${entry.name}" has a sparse map that does not fit its data`);
    this.#handler.entry(entry);
    this.#startData();
  }
}

const noXattrs: [string, string][] = [];

function paddingOf(length: number): number {
  return (blockSize - (length % blockSize)) % blockSize;
}

function pairs(numbers: string[]): Segment[] {
  if (numbers.length === 1 && numbers[0] === "") return [];
  if (numbers.length % 2 !== 0 || numbers.length > 1 << 17) throw new TarError("malformed sparse map");
  const segments: Segment[] = [];
  for (let i = 0; i < numbers.length; i += 2)
    segments.push({
      offset: paxInteger(numbers[i] ?? "", "sparse map"),
      length: paxInteger(numbers[i + 1] ?? "", "sparse map"),
    });
  return segments;
}

/**
 * A name in an archive as a path inside the image: no leading slash, no `.`, no `..`; "" is the root itself.
 * Throws TarError for a name that leaves the root or that no file system can hold.
 */
export function cleanPath(name: string): string {
  if (name.length > 4095) throw new TarError(`a name of ${name.length} bytes; Linux allows 4095`);
  if (name.includes("\0")) throw new TarError("a name with a NUL in it");
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (parts.pop() === undefined) throw new TarError(`"${name}" is outside of the image`);
      continue;
    }
    if (part.length > 255)
      throw new TarError(`"${part.slice(0, 40)}..." is ${part.length} bytes long; names have at most 255`);
    parts.push(part);
  }
  return parts.join("/");
}
