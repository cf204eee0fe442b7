/**
 * The inodes of small files, which the layers' data blobs have already: there a file's contents follow its
 * inode in a block that it shares with others (Linux' fs/erofs/erofs_fs.h, `struct erofs_inode_extended`).
 * All other inodes are written when the layers are merged, by native/codec/src/erofs.rs.
 */

export const inodeBytes = 64;

/** Extended, and its contents follow it in the same block. */
const format = (2 << 1) | 1;
/** Nothing but the inode itself holds contents. */
const noBlock = 0xffffffff;
const regularFileMode = 0o100000;

export interface SmallFile {
  mode: number;
  /** In bytes; with the inode it fits into a block. */
  size: number;
  uid: number;
  gid: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
}

/** Writes an inode with one name; `number` is what stat(2) shows. */
export function writeInode(image: Buffer, at: number, number: number, file: SmallFile): void {
  const mtimeHigh = Math.floor(file.mtimeSeconds / 2 ** 32);
  image.fill(0, at, at + inodeBytes);
  image.writeUInt16LE(format, at);
  image.writeUInt16LE(regularFileMode | file.mode, at + 4);
  image.writeUInt32LE(file.size, at + 8);
  image.writeUInt32LE(noBlock, at + 16);
  image.writeUInt32LE(number, at + 20);
  image.writeUInt32LE(file.uid, at + 24);
  image.writeUInt32LE(file.gid, at + 28);
  image.writeUInt32LE(file.mtimeSeconds - mtimeHigh * 2 ** 32, at + 32);
  image.writeInt32LE(mtimeHigh, at + 36);
  image.writeUInt32LE(file.mtimeNanoseconds, at + 40);
  image.writeUInt32LE(1, at + 44);
}
