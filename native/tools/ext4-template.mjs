// ext4-template.bin.gz: an empty ext4 file system, from which the engine makes a VM's writable disk in no
// time.
//
// Format, little-endian, gzipped:
//   8 bytes "MOCKDISK" | u64 size of the disk in bytes | u32 number of extents
//   per extent: u64 offset | u32 length
//   the extents' bytes, one after the other
// Everything outside the extents is zero, so that the disk is a sparse file with these extents written to it.

import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { writeAtomically } from "./files.mjs";
import { outDir } from "./paths.mjs";
import { BuildError, has, run } from "./run.mjs";

const diskBytes = 16 * 2 ** 30;
const block = 4096;
/** With packed_meta_blocks all metadata lies at the front; e2fsck proves that nothing was missed. */
const metadataBytes = 512 * 2 ** 20;

/** The program, which is not on the PATH of an ordinary user on Debian. */
export function findMke2fs() {
  return ["mke2fs", "/usr/sbin/mke2fs", "/sbin/mke2fs"].find((name) => has(name, ["-V"]));
}

/** Writes dist/native/ext4-template.bin.gz. */
export function provideExt4Template() {
  const mke2fs = findMke2fs();
  if (!mke2fs) throw new BuildError("mke2fs is missing: install e2fsprogs");
  const work = mkdtempSync(join(tmpdir(), "mocker-template-"));
  try {
    const image = join(work, "disk");
    const fd = openSync(image, "wx+");
    try {
      ftruncateSync(fd, diskBytes);
      format(mke2fs, image);
      const extents = extentsOf(fd);
      check(mke2fs.replace("mke2fs", "e2fsck"), join(work, "copy"), extents);
      writeAtomically(join(outDir, "ext4-template.bin.gz"), gzipSync(encode(extents), { level: 9 }));
    } finally {
      closeSync(fd);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * A journal, because a VM may be killed at any time; no blocks kept for root and no second super block,
 * because the disk is one VM's; metadata packed together and inode tables marked as zero already, because
 * then almost nothing is ever written that the VM did not write.
 */
function format(/** @type {string} */ mke2fs, /** @type {string} */ image) {
  const options = (/** @type {string} */ extended) => [
    ...[
      "-q",
      "-F",
      "-t",
      "ext4",
      "-b",
      String(block),
      "-m",
      "0",
      "-i",
      "16384",
      "-I",
      "256",
      "-J",
      "size=16",
    ],
    ...["-O", "64bit,metadata_csum,sparse_super2,^resize_inode", "-L", "mocker"],
    ...["-U", "6d6f636b-6572-4000-8000-000000000000"],
    ...[
      "-E",
      `${extended},packed_meta_blocks=1,num_backup_sb=0,root_owner=0:0,hash_seed=6d6f636b-6572-4000-8000-000000000001`,
    ],
    image,
  ];
  try {
    run(mke2fs, options("assume_storage_prezeroed=1,nodiscard"));
  } catch {
    // e2fsprogs before 1.47: punching holes proves the same to it.
    run(mke2fs, options("discard"));
  }
}

/** The runs of blocks that are not all zero. @returns {{ offset: number, data: Buffer }[]} */
function extentsOf(/** @type {number} */ fd) {
  /** @type {{ offset: number, data: Buffer }[]} */
  const extents = [];
  const chunk = Buffer.alloc(16 << 20);
  const zero = Buffer.alloc(block);
  for (let at = 0; at < metadataBytes; at += chunk.length) {
    const size = readSync(fd, chunk, 0, chunk.length, at);
    for (let i = 0; i < size; i += block) {
      const data = chunk.subarray(i, i + block);
      if (data.equals(zero)) continue;
      const last = extents.at(-1);
      if (last && last.offset + last.data.length === at + i) last.data = Buffer.concat([last.data, data]);
      else extents.push({ offset: at + i, data: Buffer.from(data) });
    }
  }
  return extents;
}

/** Makes a disk from the extents, as the engine will, and has it checked. */
function check(
  /** @type {string} */ e2fsck,
  /** @type {string} */ image,
  /** @type {{ offset: number, data: Buffer }[]} */ extents,
) {
  const fd = openSync(image, "wx");
  try {
    ftruncateSync(fd, diskBytes);
    for (const { offset, data } of extents) writeSync(fd, data, 0, data.length, offset);
  } finally {
    closeSync(fd);
  }
  run(e2fsck, ["-fn", image]);
}

function encode(/** @type {{ offset: number, data: Buffer }[]} */ extents) {
  const head = Buffer.alloc(20 + extents.length * 12);
  head.write("MOCKDISK", 0, "latin1");
  head.writeBigUInt64LE(BigInt(diskBytes), 8);
  head.writeUInt32LE(extents.length, 16);
  for (const [i, { offset, data }] of extents.entries()) {
    head.writeBigUInt64LE(BigInt(offset), 20 + i * 12);
    head.writeUInt32LE(data.length, 28 + i * 12);
  }
  return Buffer.concat([head, ...extents.map(({ data }) => data)]);
}
