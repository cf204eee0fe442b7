import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { erofsCrc32c } from "./crc32c.ts";
import { dataBlockSize } from "./data-blob.ts";
import {
  compactInodeBytes,
  extendedInodeBytes,
  type InodeFields,
  layoutInline,
  layoutPlain,
  noBlock,
  regularFileMode,
  type Time,
  writeCompactInode,
  writeExtendedInode,
} from "./erofs-inode.ts";
import { kind } from "./layer-index.ts";
import type { RootJob, RootResult } from "./layer-job.ts";
import { TarError } from "./tar-header.ts";
import type { Inode, Node, Tree } from "./tree.ts";

/**
 * Writes the metadata of an EROFS file system (Linux' fs/erofs/erofs_fs.h): superblock, inodes and directories. The
 * contents of files are not copied: they lie in the layers' data blobs, which follow the metadata on the disk that
 * vmdk.ts joins, and inodes point there by block number. Small files have their inodes there too. Only features of the first kernels with EROFS (5.4) are used:
 * flat inodes, plain or with an inline tail, and inline xattrs.
 */

const blockBits = 12;
const blockBytes = dataBlockSize;
const superOffset = 1024;
const superBytes = 128;
const magic = 0xe0f5e1e2;
const compatChecksum = 1;
const compatMtime = 2;
const slotBits = 5;

const direntBytes = 12;
const xattrHeaderBytes = 12;

const formats: Record<number, { mode: number; fileType: number }> = {
  [kind.file]: { mode: regularFileMode, fileType: 1 },
  [kind.directory]: { mode: 0o040000, fileType: 2 },
  [kind.characterDevice]: { mode: 0o020000, fileType: 3 },
  [kind.blockDevice]: { mode: 0o060000, fileType: 4 },
  [kind.fifo]: { mode: 0o010000, fileType: 5 },
  [kind.symlink]: { mode: 0o120000, fileType: 7 },
};

/** Prefixes that have a number on disk; attributes of other namespaces cannot be stored, as on most file systems. */
const xattrPrefixes: [prefix: string, index: number, whole: boolean][] = [
  ["user.", 1, false],
  ["system.posix_acl_access", 2, true],
  ["system.posix_acl_default", 3, true],
  ["trusted.", 4, false],
  ["security.", 6, false],
];

/** Where each inode goes, by its number; plain arrays, because an image may have a million of them. */
interface Layout {
  inodes: Inode[];
  /** Those of them that are written here. */
  own: Inode[];
  /** Of directories. */
  parents: Uint32Array;
  /** Small files whose inodes are in the layers' data: all but those with several names, which layers cannot know. */
  inData: Uint8Array;
  /** Byte offset on the joined disk; a multiple of 32. */
  offsets: Float64Array;
  /** Bytes of the contents that are in the metadata: of directories, symlinks and small files that are not `inData`. */
  bodyBytes: Float64Array;
  /** First block of the contents that are not in the inode itself. */
  firstBlocks: Uint32Array;
  subdirectories: Uint32Array;
  extended: Uint8Array;
  inline: Uint8Array;
  xattrBytes: Uint32Array;
}

/** Writes `tree`, merged from the job's layers, to a new file. */
export function writeErofs(tree: Tree, job: Omit<RootJob, "op">): RootResult {
  const layout = collect(tree.inode);
  const { inodes, own } = layout;
  const build = commonTime(layout);

  // Where everything goes.
  let cursor = superOffset + superBytes;
  for (const inode of own) {
    const i = inode.number;
    const links = linksOf(layout, inode);
    const extended =
      inode.mtimeSeconds !== build.seconds ||
      inode.mtimeNanoseconds !== build.nanoseconds ||
      inode.uid > 0xffff ||
      inode.gid > 0xffff ||
      links > 0xffff ||
      inode.size > 0xffffffff;
    const xattrBytes = inode.xattrs.length === 0 ? 0 : sizeXattrs(storableXattrs(inode));
    const head = (extended ? extendedInodeBytes : compactInodeBytes) + xattrBytes;
    cursor = roundUp(cursor, 1 << slotBits);
    // Not across a block: no reader needs to join two halves of an inode.
    if (extended && (cursor % blockBytes) + extendedInodeBytes > blockBytes) cursor += compactInodeBytes;
    const tail = (layout.bodyBytes[i] ?? 0) % blockBytes;
    const inline = tail > 0 && head + tail <= blockBytes;
    if (inline && (cursor % blockBytes) + head + tail > blockBytes) cursor = roundUp(cursor, blockBytes);
    layout.extended[i] = extended ? 1 : 0;
    layout.inline[i] = inline ? 1 : 0;
    layout.xattrBytes[i] = xattrBytes;
    layout.offsets[i] = cursor;
    cursor += head + (inline ? tail : 0);
  }
  let block = roundUp(cursor, blockBytes) / blockBytes;
  for (const { number: i } of own) {
    const body = layout.bodyBytes[i] ?? 0;
    const blocks = layout.inline[i] === 1 ? Math.floor(body / blockBytes) : Math.ceil(body / blockBytes);
    layout.firstBlocks[i] = blocks === 0 ? noBlock : block;
    block += blocks;
  }
  const metadataBlocks = block;

  // Which blobs are needed, and at which block each begins on the joined disk.
  const dataEnd = job.layers.map(() => 0);
  for (const inode of inodes) {
    if (inode.kind !== kind.file || inode.size === 0 || (layout.bodyBytes[inode.number] ?? 0) > 0) continue;
    const end = roundUp(inode.dataOffset + inode.size, blockBytes);
    if (end > (dataEnd[inode.dataLayer] ?? 0)) dataEnd[inode.dataLayer] = end;
  }
  const layerBlock: number[] = [];
  const extents: RootResult["extents"] = [];
  for (const [layer, bytes] of dataEnd.entries()) {
    layerBlock.push(block);
    if (bytes > 0) extents.push({ layer, bytes });
    block += bytes / blockBytes;
  }
  if (block >= noBlock) throw new TarError("the image is larger than 16 TiB");
  for (const { number, dataLayer, dataOffset } of inodes)
    if (layout.inData[number] === 1)
      layout.offsets[number] = (layerBlock[dataLayer] ?? 0) * blockBytes + dataOffset - extendedInodeBytes;

  const contents = new SmallContents(job.layers);
  const file = new BlockFile(job.metadataPath);
  try {
    for (const inode of own) writeInode(file, layout, inode, layerBlock, contents);
    // Still in the first window: see BlockFile.
    const sb = Buffer.alloc(superBytes);
    sb.writeUInt32LE(magic, 0);
    sb.writeUInt32LE(compatChecksum | compatMtime, 8);
    sb.writeUInt8(blockBits, 12);
    sb.writeUInt16LE((layout.offsets[0] ?? 0) >> slotBits, 14);
    sb.writeBigUInt64LE(BigInt(inodes.length), 16);
    sb.writeBigInt64LE(BigInt(build.seconds), 24);
    sb.writeUInt32LE(build.nanoseconds, 32);
    sb.writeUInt32LE(block, 36);
    sb.write(job.uuid.slice(0, 32), 48, "hex");
    sb.write("mocker", 64, "latin1");
    file.first.set(sb, superOffset);
    file.first.writeUInt32LE(erofsCrc32c(file.first.subarray(superOffset, blockBytes)), superOffset + 4);
    for (const inode of own) writeBody(file, layout, inode);
    file.finish(metadataBlocks * blockBytes);
  } finally {
    file.close();
    contents.close();
  }
  return { metadataBytes: metadataBlocks * blockBytes, extents, inodes: inodes.length };
}

/** Numbers every inode once, each directory before its entries; a queue, because depth is the image's choice. */
function collect(root: Inode): Layout {
  const inodes: Inode[] = [root];
  root.number = 0;
  const add = ({ inode }: Node): void => {
    if (inode.number >= 0) return;
    inode.number = inodes.length;
    inodes.push(inode);
  };
  for (let i = 0; i < inodes.length; i++) inodes[i]?.children?.forEach(add);
  const count = inodes.length;
  const layout: Layout = {
    inodes,
    own: [],
    parents: new Uint32Array(count),
    inData: new Uint8Array(count),
    offsets: new Float64Array(count),
    bodyBytes: new Float64Array(count),
    firstBlocks: new Uint32Array(count),
    subdirectories: new Uint32Array(count),
    extended: new Uint8Array(count),
    inline: new Uint8Array(count),
    xattrBytes: new Uint32Array(count),
  };
  for (const inode of inodes) {
    const i = inode.number;
    if (inode.children !== undefined) {
      let subdirectories = 0;
      let bytes = 2 * direntBytes + "...".length;
      inode.children.forEach(({ inode: child }, name) => {
        bytes += direntBytes + name.length;
        if (child.kind !== kind.directory) return;
        layout.parents[child.number] = i;
        subdirectories++;
      });
      layout.subdirectories[i] = subdirectories;
      layout.bodyBytes[i] = bytes <= blockBytes ? bytes : largeDirectoryBytes(inode);
    } else if (inode.kind === kind.symlink) layout.bodyBytes[i] = inode.size;
    else if (inode.kind === kind.file && inode.size > 0 && inode.dataOffset % blockBytes !== 0) {
      if (inode.links === 1) {
        layout.inData[i] = 1;
        continue;
      }
      layout.bodyBytes[i] = inode.size;
    }
    layout.own.push(inode);
  }
  return layout;
}

/** A directory's names, `.` and `..` among them. Binary strings sort as their bytes do, which is how the kernel searches. */
function namesOf(inode: Inode): string[] {
  const names = [".", ".."];
  inode.children?.forEach((_, name) => {
    names.push(name);
  });
  // Nearly all directories are small, and setting up a real sort takes longer than this.
  if (names.length > 24) return names.sort();
  for (let i = 1; i < names.length; i++) {
    const name = names[i] ?? "";
    let at = i;
    for (let before = names[at - 1]; before !== undefined && before > name; before = names[at - 1])
      names[at--] = before;
    names[at] = name;
  }
  return names;
}

/** How many of the names from `start` on go into one block. */
function blockOf(names: readonly string[], start: number): number {
  let used = 0;
  let end = start;
  for (; end < names.length; end++) {
    used += direntBytes + (names[end] ?? "").length;
    if (used > blockBytes) break;
  }
  return end - start;
}

/** Each block but the last has a rest that is too small for the next name, so the order matters. */
function largeDirectoryBytes(inode: Inode): number {
  const names = namesOf(inode);
  let blocks = 0;
  let start = 0;
  for (let count = blockOf(names, 0); start + count < names.length; count = blockOf(names, start)) {
    blocks++;
    start += count;
  }
  return names.slice(start).reduce((sum, name) => sum + direntBytes + name.length, blocks * blockBytes);
}

/**
 * The time that most inodes have: those need none of their own and may be half as large. It pays for images whose times are all the
 * same, so the first few thousand tell.
 */
function commonTime({ own }: Layout): Time {
  const counts = new Map<string, number>();
  let best = { seconds: 0, nanoseconds: 0 };
  let bestCount = 0;
  for (const { mtimeSeconds: seconds, mtimeNanoseconds: nanoseconds } of own.slice(0, 4096)) {
    const key = `${seconds} ${nanoseconds}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count <= bestCount) continue;
    best = { seconds, nanoseconds };
    bestCount = count;
  }
  return best;
}

function linksOf(layout: Layout, inode: Inode): number {
  return inode.kind === kind.directory ? 2 + (layout.subdirectories[inode.number] ?? 0) : inode.links;
}

interface StoredXattr {
  index: number;
  name: string;
  value: string;
}

function storableXattrs(inode: Inode): StoredXattr[] {
  const stored: StoredXattr[] = [];
  const seen = new Set<string>();
  for (const [name, value] of inode.xattrs) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const [prefix, index, whole] of xattrPrefixes) {
      if (whole ? name === prefix : name.startsWith(prefix) && name.length > prefix.length)
        stored.push({ index, name: name.slice(prefix.length), value });
    }
  }
  return stored;
}

function sizeXattrs(xattrs: readonly StoredXattr[]): number {
  if (xattrs.length === 0) return 0;
  return xattrs.reduce(
    (sum, { name, value }) => sum + roundUp(4 + name.length + value.length, 4),
    xattrHeaderBytes,
  );
}

/** The inode, its xattrs and the part of its contents that is inline. */
function writeInode(
  file: BlockFile,
  layout: Layout,
  inode: Inode,
  layerBlock: readonly number[],
  contents: SmallContents,
): void {
  const i = inode.number;
  const extended = layout.extended[i] === 1;
  const inline = layout.inline[i] === 1;
  const xattrBytes = layout.xattrBytes[i] ?? 0;
  const body = layout.bodyBytes[i] ?? 0;
  const format = formats[inode.kind];
  if (format === undefined) throw new Error(`an inode of kind ${inode.kind}`);
  const tail = inline ? body % blockBytes : 0;
  const head = extended ? extendedInodeBytes : compactInodeBytes;
  const image = file.at(layout.offsets[i] ?? 0, head + xattrBytes + tail);

  let reference = layout.firstBlocks[i] ?? noBlock;
  if (inode.kind === kind.file) {
    if (inode.size > 0 && body === 0)
      reference = (layerBlock[inode.dataLayer] ?? 0) + inode.dataOffset / blockBytes;
  } else if (inode.kind === kind.characterDevice || inode.kind === kind.blockDevice) {
    const { deviceMajor: major, deviceMinor: minor } = inode;
    // new_encode_dev() of the kernel.
    reference = ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
  } else if (inode.kind === kind.fifo) reference = 0;

  const fields: InodeFields = {
    layout: inline ? layoutInline : layoutPlain,
    xattrCount: xattrBytes === 0 ? 0 : (xattrBytes - xattrHeaderBytes) / 4 + 1,
    mode: format.mode | inode.mode,
    size: inode.kind === kind.file ? inode.size : body,
    reference,
    number: i + 1,
    uid: inode.uid,
    gid: inode.gid,
    links: linksOf(layout, inode),
  };
  if (extended)
    writeExtendedInode(image, 0, fields, {
      seconds: inode.mtimeSeconds,
      nanoseconds: inode.mtimeNanoseconds,
    });
  else writeCompactInode(image, 0, fields);
  if (xattrBytes > 0) writeXattrs(image, storableXattrs(inode), head);
  if (!inline) return;
  const rest = image.subarray(head + xattrBytes);
  if (inode.kind === kind.symlink) {
    rest.write(inode.link, "latin1");
    return;
  }
  if (inode.kind === kind.file) {
    contents.read(inode, rest);
    return;
  }
  const names = namesOf(inode);
  let start = 0;
  for (let count = blockOf(names, 0); start + count < names.length; count = blockOf(names, start))
    start += count;
  writeDirectoryBlock(rest, layout, inode, names.slice(start));
}

/** The whole blocks of a directory's or symlink's contents. */
function writeBody(file: BlockFile, layout: Layout, inode: Inode): void {
  const first = layout.firstBlocks[inode.number] ?? noBlock;
  if (first === noBlock) return;
  if (inode.kind === kind.symlink) {
    file.at(first * blockBytes, inode.size).write(inode.link, "latin1");
    return;
  }
  const names = namesOf(inode);
  for (let start = 0, block = first; start < names.length; block++) {
    const count = blockOf(names, start);
    if (start + count === names.length && layout.inline[inode.number] === 1) return;
    writeDirectoryBlock(
      file.at(block * blockBytes, blockBytes),
      layout,
      inode,
      names.slice(start, start + count),
    );
    start += count;
  }
}

function writeXattrs(image: Buffer, xattrs: readonly StoredXattr[], start: number): void {
  // The header's name filter and count of shared attributes stay 0.
  let at = start + xattrHeaderBytes;
  for (const { index, name, value } of xattrs) {
    image.writeUInt8(name.length, at);
    image.writeUInt8(index, at + 1);
    image.writeUInt16LE(value.length, at + 2);
    image.write(name, at + 4, "latin1");
    image.write(value, at + 4 + name.length, "latin1");
    at += roundUp(4 + name.length + value.length, 4);
  }
}

function writeDirectoryBlock(image: Buffer, layout: Layout, inode: Inode, names: readonly string[]): void {
  let nameAt = names.length * direntBytes;
  let at = 0;
  for (const name of names) {
    const target = childOf(layout, inode, name);
    const slot = (layout.offsets[target.number] ?? 0) / (1 << slotBits);
    image.writeUInt32LE(slot % 2 ** 32, at);
    image.writeUInt32LE(Math.floor(slot / 2 ** 32), at + 4);
    image.writeUInt16LE(nameAt, at + 8);
    image.writeUInt8(formats[target.kind]?.fileType ?? 0, at + 10);
    image.write(name, nameAt, "latin1");
    nameAt += name.length;
    at += direntBytes;
  }
}

function childOf(layout: Layout, inode: Inode, name: string): Inode {
  if (name === ".") return inode;
  const child =
    name === ".." ? layout.inodes[layout.parents[inode.number] ?? 0] : inode.children?.get(name)?.inode;
  if (child === undefined) throw new Error(`no entry ${name}`);
  return child;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** The contents of small files with several names, from the layers' data. */
class SmallContents {
  readonly #layers: readonly { dataPath: string; name: string }[];
  readonly #files = new Map<number, number>();

  constructor(layers: readonly { dataPath: string; name: string }[]) {
    this.#layers = layers;
  }

  read(inode: Inode, into: Buffer): void {
    const layer = this.#layers[inode.dataLayer];
    if (layer === undefined) throw new Error(`no layer ${inode.dataLayer}`);
    let fd = this.#files.get(inode.dataLayer);
    if (fd === undefined) {
      fd = openSync(layer.dataPath, "r");
      this.#files.set(inode.dataLayer, fd);
    }
    if (readSync(fd, into, 0, inode.size, inode.dataOffset) !== inode.size)
      throw new Error(`${layer.name}: its data is cut`);
  }

  close(): void {
    for (const fd of this.#files.values()) closeSync(fd);
  }
}

const windowBytes = 256 * 1024;

/**
 * A file that is written from its beginning to its end, with zeros in between. Only a window of it is in memory, and its
 * beginning, which is written last: the superblock has a checksum over its block.
 */
class BlockFile {
  readonly first = Buffer.alloc(windowBytes);
  readonly #fd: number;
  #window = this.first;
  #base = 0;
  #firstBytes = windowBytes;

  constructor(path: string) {
    this.#fd = openSync(path, "wx", 0o600);
  }

  /** Room for `length` bytes of zeros at `offset`, which is never below an earlier one's end; at most half a window. */
  at(offset: number, length: number): Buffer {
    if (offset + length > this.#base + windowBytes) this.#advance(offset - (offset % blockBytes));
    return this.#window.subarray(offset - this.#base, offset - this.#base + length);
  }

  finish(length: number): void {
    if (this.#window === this.first) this.#firstBytes = Math.min(windowBytes, length);
    else this.#write(this.#window, windowBytes, this.#base);
    this.#write(this.first, this.#firstBytes, 0);
    ftruncateSync(this.#fd, length);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #advance(base: number): void {
    // The window's last block may be only half full: it goes on in the next one.
    const kept = Math.min(base - this.#base, windowBytes);
    const rest = Buffer.from(this.#window.subarray(kept));
    if (this.#window === this.first) {
      this.#firstBytes = kept;
      this.#window = Buffer.alloc(windowBytes);
    } else {
      this.#write(this.#window, kept, this.#base);
      this.#window.fill(0);
    }
    this.#window.set(rest);
    this.#base = base;
  }

  #write(bytes: Buffer, length: number, position: number): void {
    for (let at = 0; at < length; ) at += writeSync(this.#fd, bytes, at, length - at, position + at);
  }
}
