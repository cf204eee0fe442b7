import { randomBytes, randomUUID } from "node:crypto";
import { closeSync, fsyncSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { crc32c } from "./crc32c.ts";

/**
 * What the guest agent mounts of it (volumes.cc): an empty directory, as `lost+found` would be in initdb's
 * way.
 */
const dataDirectory = "data";

const blockBytes = 4096;
const blocksPerGroup = 8 * blockBytes;
const inodeBytes = 256;
const inodesPerBlock = blockBytes / inodeBytes;
/** One inode for 16 KiB, as mke2fs has it. */
const blocksPerInode = 4;
const descriptorBytes = 64;
/** A last group that has little room beside its inodes is left out. */
const minimumGroupBlocks = 1024;

const rootInode = 2;
const journalInode = 8;
const lostFoundInode = 11;
const dataInode = 12;
const usedInodes = dataInode;

/** As the kernel names them (fs/ext4/ext4.h). */
const compatible = { hasJournal: 0x4, extAttr: 0x8, dirIndex: 0x20, sparseSuper2: 0x200 };
const incompatible = { fileType: 0x2, extents: 0x40, bits64: 0x80 };
const readOnlyCompatible = {
  ...{ sparseSuper: 0x1, largeFile: 0x2, hugeFile: 0x8, dirNlink: 0x20, extraIsize: 0x40 },
  metadataChecksums: 0x400,
};
const recoveryFlag = 0x4;
const groupFlags = { inodeUninit: 1, blockUninit: 2, inodeZeroed: 4 };

const superblockOffset = 1024;
const incompatibleOffset = 0x60;

interface Extent {
  start: number;
  blocks: number;
}

/**
 * Makes a sparse image file, mode 0600, with an ext4 file system in which there is an empty directory `data`.
 * Some 40 KiB and 64 bytes for each group of 128 MiB are written, because groups that are not in use say so
 * in their descriptors (`BLOCK_UNINIT`, `INODE_UNINIT`; kernel documentation, filesystems/ext4/group_descr).
 * All of it is on the disk of the host when this returns.
 * @param path must not exist
 * @throws the error of the host's file system; nothing is left then
 */
export function createExt4Image(path: string, sizeBytes: number): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    ftruncateSync(fd, sizeBytes);
    new Ext4(sizeBytes).write((offset, bytes) => {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, offset + at);
    });
    fsyncSync(fd);
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** The file system was not unmounted: its journal is to be played before anybody reads it. */
export function needsRecovery(path: string): boolean {
  const flags = Buffer.alloc(4);
  const fd = openSync(path, "r");
  try {
    readSync(fd, flags, 0, flags.length, superblockOffset + incompatibleOffset);
  } finally {
    closeSync(fd);
  }
  return (flags.readUInt32LE(0) & recoveryFlag) !== 0;
}

/** An empty file system, group by group: bitmaps and inodes lie at the start of their own group. */
class Ext4 {
  readonly #blocks: number;
  readonly #groups: number;
  readonly #inodesPerGroup: number;
  readonly #descriptorBlocks: number;
  readonly #uuid = Buffer.from(randomUUID().replaceAll("-", ""), "hex");
  readonly #hashSeed = randomBytes(16);
  readonly #seed: number;
  readonly #now = Math.floor(Date.now() / 1000);

  constructor(sizeBytes: number) {
    const blocks = Math.floor(sizeBytes / blockBytes);
    const rest = blocks % blocksPerGroup;
    this.#blocks = blocks > blocksPerGroup && rest < minimumGroupBlocks ? blocks - rest : blocks;
    this.#groups = Math.ceil(this.#blocks / blocksPerGroup);
    this.#descriptorBlocks = Math.ceil((this.#groups * descriptorBytes) / blockBytes);
    const share = Math.min(this.#blocks, blocksPerGroup) / blocksPerInode;
    this.#inodesPerGroup = Math.ceil(share / inodesPerBlock) * inodesPerBlock;
    this.#seed = crc32c(this.#uuid);
  }

  write(put: (offset: number, bytes: Buffer) => void): void {
    const descriptors = Buffer.alloc(this.#descriptorBlocks * blockBytes);
    for (let group = 0; group < this.#groups; group++) {
      const isLast = group === this.#groups - 1;
      const bitmaps = group === 0 || isLast ? this.#bitmaps(group) : undefined;
      if (bitmaps) put(this.#bitmapBlock(group) * blockBytes, bitmaps.blocks);
      if (group === 0) put((this.#bitmapBlock(0) + 1) * blockBytes, bitmaps?.inodes ?? Buffer.alloc(0));
      this.#descriptor(group, bitmaps).copy(descriptors, group * descriptorBytes);
    }
    put(blockBytes, descriptors);
    put(this.#inodeTable(0) * blockBytes, this.#inodes());
    const directories: [inode: number, up: number, entries: [string, number][]][] = [
      [
        rootInode,
        rootInode,
        [
          ["lost+found", lostFoundInode],
          [dataDirectory, dataInode],
        ],
      ],
      [lostFoundInode, rootInode, []],
      [dataInode, rootInode, []],
    ];
    for (const [inode, up, entries] of directories) {
      put(this.#directoryBlock(inode) * blockBytes, this.#directory(inode, up, entries));
    }
    put(this.#journal.start * blockBytes, this.#journalHeader());
    // Last, as it is what makes it a file system.
    put(superblockOffset, this.#superblock());
  }

  #bitmapBlock(group: number): number {
    return group * blocksPerGroup + (group === 0 ? 1 + this.#descriptorBlocks : 0);
  }
  #inodeTable(group: number): number {
    return this.#bitmapBlock(group) + 2;
  }
  get #inodeTableBlocks(): number {
    return this.#inodesPerGroup / inodesPerBlock;
  }
  #directoryBlock(inode: number): number {
    const order = [rootInode, lostFoundInode, dataInode].indexOf(inode);
    return this.#inodeTable(0) + this.#inodeTableBlocks + order;
  }
  /** 4 MiB for a small disk, else 16 MiB; 64 MiB where a database may write much at once. */
  get #journal(): Extent {
    const gibibytes = (this.#blocks * blockBytes) / 2 ** 30;
    const mebibytes = gibibytes < 0.5 ? 4 : gibibytes < 8 ? 16 : 64;
    return { start: this.#directoryBlock(dataInode) + 1, blocks: (mebibytes << 20) / blockBytes };
  }

  #blocksOf(group: number): number {
    return Math.min(blocksPerGroup, this.#blocks - group * blocksPerGroup);
  }
  /** From the group's first block on. */
  #usedBlocksOf(group: number): number {
    if (group > 0) return 2 + this.#inodeTableBlocks;
    return this.#journal.start + this.#journal.blocks;
  }
  #usedInodesOf(group: number): number {
    return group === 0 ? usedInodes : 0;
  }

  #bitmaps(group: number): { blocks: Buffer; inodes: Buffer } {
    const blocks = Buffer.alloc(blockBytes);
    setBits(blocks, 0, this.#usedBlocksOf(group));
    // What is beyond the end counts as used.
    setBits(blocks, this.#blocksOf(group), blocksPerGroup);
    const inodes = Buffer.alloc(blockBytes);
    setBits(inodes, 0, this.#usedInodesOf(group));
    setBits(inodes, this.#inodesPerGroup, 8 * blockBytes);
    return { blocks, inodes };
  }

  #descriptor(group: number, bitmaps: { blocks: Buffer; inodes: Buffer } | undefined): Buffer {
    const out = Buffer.alloc(descriptorBytes);
    const put16 = (value: number, low: number, high: number): void => {
      out.writeUInt16LE(value & 0xffff, low);
      out.writeUInt16LE(Math.floor(value / 2 ** 16), high);
    };
    const bitmap = this.#bitmapBlock(group);
    for (const [at, block] of [bitmap, bitmap + 1, bitmap + 2].entries()) out.writeUInt32LE(block, at * 4);
    put16(this.#blocksOf(group) - this.#usedBlocksOf(group), 0xc, 0x2c);
    const freeInodes = this.#inodesPerGroup - this.#usedInodesOf(group);
    put16(freeInodes, 0xe, 0x2e);
    put16(group === 0 ? 3 : 0, 0x10, 0x30);
    const unused = (group > 0 ? groupFlags.inodeUninit : 0) | (bitmaps ? 0 : groupFlags.blockUninit);
    out.writeUInt16LE(unused | groupFlags.inodeZeroed, 0x12);
    if (bitmaps) put16(crc32c(bitmaps.blocks, this.#seed), 0x18, 0x38);
    if (group === 0 && bitmaps) {
      put16(crc32c(bitmaps.inodes.subarray(0, this.#inodesPerGroup / 8), this.#seed), 0x1a, 0x3a);
    }
    put16(freeInodes, 0x1c, 0x32);
    out.writeUInt16LE(crc32c(out, crc32c(uint32(group), this.#seed)) & 0xffff, 0x1e);
    return out;
  }

  #inodes(): Buffer {
    const table = Buffer.alloc(Math.ceil((usedInodes * inodeBytes) / blockBytes) * blockBytes);
    const put = (inode: number, mode: number, links: number, extent?: Extent): void => {
      this.#inode(inode, mode, links, extent).copy(table, (inode - 1) * inodeBytes);
    };
    // Those that are reserved are there, and empty.
    for (let inode = 1; inode < lostFoundInode; inode++) put(inode, 0, 0);
    const block = (inode: number): Extent => ({ start: this.#directoryBlock(inode), blocks: 1 });
    put(rootInode, 0o40755, 4, block(rootInode));
    put(journalInode, 0o100600, 1, this.#journal);
    put(lostFoundInode, 0o40700, 2, block(lostFoundInode));
    put(dataInode, 0o40755, 2, block(dataInode));
    return table;
  }

  #inode(number: number, mode: number, links: number, extent: Extent | undefined): Buffer {
    const out = Buffer.alloc(inodeBytes);
    out.writeUInt16LE(mode, 0);
    for (const time of [0x8, 0xc, 0x10, 0x90]) out.writeUInt32LE(this.#now, time);
    out.writeUInt16LE(links, 0x1a);
    out.writeUInt16LE(32, 0x80);
    if (extent) {
      out.writeUInt32LE(extent.blocks * blockBytes, 0x4);
      out.writeUInt32LE(extent.blocks * (blockBytes / 512), 0x1c);
      out.writeUInt32LE(0x80000, 0x20);
      extentTree(extent).copy(out, 0x28);
    }
    const crc = crc32c(out, this.#inodeSeed(number));
    out.writeUInt16LE(crc & 0xffff, 0x7c);
    out.writeUInt16LE(crc >>> 16, 0x82);
    return out;
  }

  /** All generations are 0. */
  #inodeSeed(inode: number): number {
    return crc32c(uint32(0), crc32c(uint32(inode), this.#seed));
  }

  #directory(inode: number, up: number, entries: [string, number][]): Buffer {
    const out = Buffer.alloc(blockBytes);
    const tailBytes = 12;
    const all: [string, number][] = [[".", inode], ["..", up], ...entries];
    let at = 0;
    for (const [index, [name, target]] of all.entries()) {
      const length = Math.ceil((8 + name.length) / 4) * 4;
      const isLast = index === all.length - 1;
      out.writeUInt32LE(target, at);
      out.writeUInt16LE(isLast ? blockBytes - tailBytes - at : length, at + 4);
      out.writeUInt8(name.length, at + 6);
      out.writeUInt8(2, at + 7);
      out.write(name, at + 8, "latin1");
      at += length;
    }
    const tail = blockBytes - tailBytes;
    out.writeUInt16LE(tailBytes, tail + 4);
    out.writeUInt8(0xde, tail + 7);
    out.writeUInt32LE(crc32c(out.subarray(0, tail), this.#inodeSeed(inode)), tail + 8);
    return out;
  }

  /** An empty journal (fs/jbd2, big-endian). */
  #journalHeader(): Buffer {
    const out = Buffer.alloc(blockBytes);
    const superblockV2 = 4;
    for (const [at, value] of [
      0xc03b3998,
      superblockV2,
      0,
      blockBytes,
      this.#journal.blocks,
      1,
      1,
    ].entries()) {
      out.writeUInt32BE(value, at * 4);
    }
    this.#uuid.copy(out, 0x30);
    out.writeUInt32BE(1, 0x40);
    return out;
  }

  #superblock(): Buffer {
    const out = Buffer.alloc(1024);
    let freeBlocks = 0;
    for (let group = 0; group < this.#groups; group++) {
      freeBlocks += this.#blocksOf(group) - this.#usedBlocksOf(group);
    }
    const inodes = this.#groups * this.#inodesPerGroup;
    const put32 = (at: number, ...values: number[]): void => {
      for (const [index, value] of values.entries()) out.writeUInt32LE(value % 2 ** 32, at + index * 4);
    };
    put32(0x0, inodes, this.#blocks, 0, freeBlocks, inodes - usedInodes, 0, 2, 2);
    put32(0x20, blocksPerGroup, blocksPerGroup, this.#inodesPerGroup, 0, this.#now);
    out.writeUInt16LE(0xffff, 0x36);
    out.writeUInt16LE(0xef53, 0x38);
    // Clean; errors make it read-only, so that a database does not go on with what may be wrong.
    out.writeUInt16LE(1, 0x3a);
    out.writeUInt16LE(2, 0x3c);
    put32(0x40, this.#now, 0, 0, 1);
    put32(0x54, lostFoundInode);
    out.writeUInt16LE(inodeBytes, 0x58);
    put32(0x5c, sum(compatible), sum(incompatible), sum(readOnlyCompatible));
    this.#uuid.copy(out, 0x68);
    out.write("mocker", 0x78, "latin1");
    put32(0xe0, journalInode);
    this.#hashSeed.copy(out, 0xec);
    // Hashes of directories (half MD4), and a copy of where the journal is.
    out.writeUInt8(1, 0xfc);
    out.writeUInt8(1, 0xfd);
    out.writeUInt16LE(descriptorBytes, 0xfe);
    // By default with user xattrs and ACLs.
    put32(0x100, 0xc, 0, this.#now);
    extentTree(this.#journal).copy(out, 0x10c);
    put32(0x10c + 16 * 4, this.#journal.blocks * blockBytes);
    put32(0x150, Math.floor(this.#blocks / 2 ** 32), 0, Math.floor(freeBlocks / 2 ** 32));
    out.writeUInt16LE(32, 0x15c);
    out.writeUInt16LE(32, 0x15e);
    // Directories' hashes are of signed characters; checksums are CRC-32C.
    put32(0x160, 1);
    out.writeUInt8(1, 0x175);
    put32(0x3fc, crc32c(out.subarray(0, 0x3fc)));
    return out;
  }
}

function setBits(bitmap: Buffer, from: number, to: number): void {
  for (let bit = from; bit < to; bit++) bitmap[bit >> 3] = (bitmap[bit >> 3] ?? 0) | (1 << (bit & 7));
}

/** One extent, in the inode itself. */
function extentTree({ start, blocks }: Extent): Buffer {
  const out = Buffer.alloc(60);
  for (const [at, value] of [0xf30a, 1, 4, 0].entries()) out.writeUInt16LE(value, at * 2);
  out.writeUInt16LE(blocks, 12 + 4);
  out.writeUInt32LE(start, 12 + 8);
  return out;
}

function uint32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}

function sum(flags: Record<string, number>): number {
  return Object.values(flags).reduce((all, flag) => all | flag, 0);
}
