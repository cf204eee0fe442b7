import { TarError } from "../../../common/tar/tar-header.ts";
import {
  cleanPath,
  type Segment,
  type TarEntry,
  type TarEntryKind,
  type TarHandler,
  TarReader,
} from "../../../common/tar/tar-reader.ts";
import { DataBlobWriter, dataBlockSize } from "./data-blob.ts";
import { inodeBytes, writeInode } from "./erofs-inode.ts";
import { type Kind, kind, LayerIndexWriter, type Xattr } from "./layer-index.ts";

/** Limits of a layer. Real layers stay far below; a bomb does not. */
export interface LayerLimits {
  /** Bytes of the uncompressed tar, and of the data blob. */
  maximumBytes: number;
  maximumEntries: number;
  /** Bytes of names, links and attributes: a layer's index is in memory until it is whole. */
  maximumIndexBytes: number;
  /** Uncompressed bytes for each compressed one, looked at once a layer is larger than `ratioFloorBytes`. */
  maximumRatio: number;
  ratioFloorBytes: number;
}

/** A layer that costs more than its limits allow. */
export class LimitError extends TarError {}

/**
 * 64 GiB holds the largest published images (CUDA, model weights) several times. Real layers compress up to
 * some 20:1; zeros do 1,030:1 in gzip and far more in zstd.
 */
export const defaultLimits: LayerLimits = {
  maximumBytes: 64 * 2 ** 30,
  maximumEntries: 2_000_000,
  maximumIndexBytes: 2 ** 30,
  maximumRatio: 200,
  ratioFloorBytes: 2 ** 30,
};

const kinds: Record<TarEntryKind, Kind> = {
  file: kind.file,
  directory: kind.directory,
  symlink: kind.symlink,
  hardlink: kind.hardlink,
  "character-device": kind.characterDevice,
  "block-device": kind.blockDevice,
  fifo: kind.fifo,
};

const whiteoutPrefix = ".wh.";
const opaqueName = ".wh..wh..opq";

/** One byte for all xattrs of an inode in EROFS is 256 KiB; Linux itself allows 64 KiB for a value. */
const maximumXattrBytes = 64 * 1024;

/** Contents that fit into a block with their inode. */
const maximumInlineBytes = dataBlockSize - inodeBytes;

/**
 * Turns a layer's tar stream into its data blob and its index while the bytes go by. Throws TarError with the
 * entry's name for everything that no honest layer has.
 */
export class LayerConverter implements TarHandler {
  readonly #reader = new TarReader(this);
  readonly #index = new LayerIndexWriter();
  readonly #blob: DataBlobWriter;
  readonly #limits: LayerLimits;
  #tarBytes = 0;
  #segments: Segment[] | undefined;
  #segment = 0;
  #segmentDone = 0;
  #fileStart = 0;
  #fileSize = 0;
  /** Where the next byte of a small file goes. */
  #small: { buffer: Buffer; at: number } | undefined;

  constructor(dataPath: string, limits: LayerLimits) {
    this.#blob = new DataBlobWriter(dataPath);
    this.#limits = limits;
  }

  /** `compressedBytes`: how many went in so far, for the ratio. */
  push(chunk: Buffer, compressedBytes: number): void {
    this.#tarBytes += chunk.length;
    const { maximumBytes, maximumRatio, ratioFloorBytes } = this.#limits;
    if (this.#tarBytes > maximumBytes)
      throw new LimitError(
        `it is larger than ${maximumBytes} bytes when decompressed, the limit for a layer`,
      );
    if (this.#tarBytes > ratioFloorBytes && this.#tarBytes > compressedBytes * maximumRatio)
      throw new LimitError(
        `it is a decompression bomb: ${compressedBytes} bytes became more than ${this.#tarBytes} (limit ${maximumRatio}:1)`,
      );
    this.#reader.push(chunk);
  }

  /** Completes the blob and returns the index. */
  finish(): Buffer[] {
    this.#reader.end();
    const dataBytes = this.#blob.finish();
    return this.#index.finish({ tarBytes: this.#tarBytes, dataBytes });
  }

  close(): void {
    this.#blob.close();
  }

  get tarBytes(): number {
    return this.#tarBytes;
  }

  entry(entry: TarEntry): void {
    this.#fileStart = 0;
    this.#fileSize = entry.kind === "file" ? entry.size : 0;
    this.#small = undefined;
    this.#segments = entry.segments;
    this.#segment = 0;
    this.#segmentDone = 0;
    const path = cleanPath(entry.name);
    if (this.#index.entries >= this.#limits.maximumEntries)
      throw new LimitError(`it has more than ${this.#limits.maximumEntries} entries`);
    if (this.#index.bytes > this.#limits.maximumIndexBytes)
      throw new LimitError(
        `its names and attributes take more than ${this.#limits.maximumIndexBytes} bytes, the limit for a layer`,
      );
    if (this.#blob.length + this.#fileSize > this.#limits.maximumBytes)
      throw new LimitError(
        `"${entry.name}" makes it larger than ${this.#limits.maximumBytes} bytes, the limit for a layer`,
      );
    // An entry that is left out has its contents left out too.
    if (!this.#add(entry, path)) this.#fileSize = 0;
  }

  data(chunk: Buffer, start: number, end: number): void {
    if (this.#fileSize === 0) return;
    if (this.#small !== undefined) {
      this.#small.at += chunk.copy(this.#small.buffer, this.#small.at, start, end);
      return;
    }
    if (this.#segments === undefined) {
      this.#blob.write(chunk, start, end);
      return;
    }
    let at = start;
    while (at < end) {
      const segment = this.#segments[this.#segment];
      if (segment === undefined) return;
      if (this.#segmentDone === segment.length) {
        this.#segment++;
        this.#segmentDone = 0;
        continue;
      }
      const position = this.#blob.length - this.#fileStart;
      const target = segment.offset + this.#segmentDone;
      if (target > position) this.#blob.skip(target - position);
      const step = Math.min(segment.length - this.#segmentDone, end - at);
      this.#blob.write(chunk, at, at + step);
      this.#segmentDone += step;
      at += step;
    }
  }

  endEntry(): void {
    if (this.#fileSize === 0 || this.#small !== undefined) return;
    const position = this.#blob.length - this.#fileStart;
    if (position < this.#fileSize) this.#blob.skip(this.#fileSize - position);
    const offset = this.#blob.end(this.#fileStart);
    if (offset !== this.#fileStart) this.#index.setDataOffset(offset);
  }

  /** Adds an entry to the index; false for one that is no part of the image's tree. */
  #add(entry: TarEntry, path: string): boolean {
    const slash = path.lastIndexOf("/");
    const base = path.slice(slash + 1);
    if (base.startsWith(whiteoutPrefix)) {
      this.#addWhiteout(path.slice(0, Math.max(slash, 0)), base);
      return false;
    }
    // Directories of AUFS's own beside the opaque mark; no other storage driver knows them, Docker skips
    // them.
    if (path.includes(".wh..wh.") && path.split("/").some((part) => part.startsWith(".wh..wh.")))
      return false;
    if (path === "" && entry.kind !== "directory")
      throw new TarError(`"${entry.name}" would replace the root directory`);
    const name = entry.name;
    if (!inRange(entry.uid) || !inRange(entry.gid))
      throw new TarError(`"${name}" has an owner that is out of range`);
    if (entry.mtimeNanoseconds < 0 || entry.mtimeNanoseconds > 999_999_999) entry.mtimeNanoseconds = 0;
    let link = "";
    if (entry.kind === "symlink") {
      link = entry.linkName;
      if (link === "" || link.length > 4095 || link.includes("\0"))
        throw new TarError(`the symbolic link "${name}" has no valid target`);
    } else if (entry.kind === "hardlink") {
      link = cleanPath(entry.linkName);
      if (link === "") throw new TarError(`the hard link "${name}" has no valid target`);
      if (link === path) throw new TarError(`the hard link "${name}" points to itself`);
    } else if (entry.kind === "character-device" || entry.kind === "block-device") {
      // Linux: 12 bits of major, 20 of minor number.
      if (
        entry.deviceMajor < 0 ||
        entry.deviceMajor > 0xfff ||
        entry.deviceMinor < 0 ||
        entry.deviceMinor > 0xfffff
      )
        throw new TarError(`the device "${name}" has a number that is out of range`);
    }
    const xattrs = entry.kind === "hardlink" ? [] : checkedXattrs(entry.xattrs, name);
    if (this.#fileSize > 0) {
      if (this.#fileSize <= maximumInlineBytes && this.#segments === undefined && xattrs.length === 0)
        this.#beginSmall(entry);
      else this.#fileStart = this.#blob.begin(this.#fileSize);
    }
    this.#index.add({
      kind: kinds[entry.kind],
      path,
      link,
      mode: entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      mtimeSeconds: entry.mtimeSeconds,
      mtimeNanoseconds: entry.mtimeNanoseconds,
      size: entry.size,
      dataOffset: this.#fileStart,
      deviceMajor: entry.deviceMajor,
      deviceMinor: entry.deviceMinor,
      xattrs,
    });
    return true;
  }

  /**
   * Begins a small file, whose inode and contents share a block with others: half a block a file would be
   * lost otherwise.
   */
  #beginSmall(entry: TarEntry): void {
    const { buffer, at, offset } = this.#blob.small(inodeBytes + entry.size);
    writeInode(buffer, at, this.#index.entries, entry);
    this.#small = { buffer, at: at + inodeBytes };
    this.#fileStart = offset + inodeBytes;
  }

  /** image-spec layer.md, "Whiteouts". */
  #addWhiteout(directory: string, base: string): void {
    const opaque = base === opaqueName;
    if (!opaque && base.startsWith(".wh..wh.")) return;
    const hidden = base.slice(whiteoutPrefix.length);
    if (!opaque && (hidden === "" || hidden === "." || hidden === ".."))
      throw new TarError(`"${directory}/${base}" is no valid whiteout`);
    this.#index.add({
      kind: opaque ? kind.opaque : kind.whiteout,
      path: opaque ? directory : directory === "" ? hidden : `${directory}/${hidden}`,
      link: "",
      mode: 0,
      uid: 0,
      gid: 0,
      mtimeSeconds: 0,
      mtimeNanoseconds: 0,
      size: 0,
      dataOffset: 0,
      deviceMajor: 0,
      deviceMinor: 0,
      xattrs: [],
    });
  }
}

function inRange(id: number): boolean {
  // The highest number means "leave it as it is" to chown(2).
  return id >= 0 && id < 0xffffffff;
}

function checkedXattrs(xattrs: Xattr[], name: string): Xattr[] {
  if (xattrs.length === 0) return xattrs;
  let bytes = 0;
  // The overlay's own marks would change what the guest's overlayfs shows; containers/storage drops them too.
  const kept = xattrs.filter(([key]) => !/^(trusted|user)\.overlay\./.test(key));
  for (const [key, value] of kept) {
    if (key.length === 0 || key.length > 255)
      throw new TarError(`"${name}" has an extended attribute without a valid name`);
    bytes += key.length + value.length + 8;
  }
  if (bytes > maximumXattrBytes)
    throw new TarError(
      `"${name}" has ${bytes} bytes of extended attributes; ${maximumXattrBytes} are allowed`,
    );
  return kept;
}
