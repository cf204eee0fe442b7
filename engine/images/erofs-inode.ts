/**
 * The inodes of EROFS on disk (Linux' fs/erofs/erofs_fs.h), written by the file system's metadata and, for small files, by
 * the layers' data blobs already: there a file's contents follow its inode in a block that it shares with others.
 */

export const layoutPlain = 0;
/** The last part of the contents follows the inode, in the same block. */
export const layoutInline = 2;

export const compactInodeBytes = 32;
export const extendedInodeBytes = 64;

/** "No block", where nothing but the inode itself holds contents. */
export const noBlock = 0xffffffff;

/** Bits of the mode that say what an inode is. */
export const regularFileMode = 0o100000;

export interface InodeFields {
  layout: typeof layoutPlain | typeof layoutInline;
  /** The field that says how many bytes of xattrs follow. */
  xattrCount: number;
  /** With the bits of the type. */
  mode: number;
  size: number;
  /** First block, or device number. */
  reference: number;
  number: number;
  uid: number;
  gid: number;
  links: number;
}

export interface Time {
  seconds: number;
  nanoseconds: number;
}

/** For everything. */
export function writeExtendedInode(image: Buffer, at: number, fields: InodeFields, mtime: Time): void {
  image.writeUInt16LE((fields.layout << 1) | 1, at);
  image.writeUInt16LE(fields.xattrCount, at + 2);
  image.writeUInt16LE(fields.mode, at + 4);
  image.writeUInt16LE(0, at + 6);
  image.writeUInt32LE(fields.size % 2 ** 32, at + 8);
  image.writeUInt32LE(Math.floor(fields.size / 2 ** 32), at + 12);
  image.writeUInt32LE(fields.reference, at + 16);
  image.writeUInt32LE(fields.number, at + 20);
  image.writeUInt32LE(fields.uid, at + 24);
  image.writeUInt32LE(fields.gid, at + 28);
  image.writeUInt32LE(mtime.seconds - Math.floor(mtime.seconds / 2 ** 32) * 2 ** 32, at + 32);
  image.writeInt32LE(Math.floor(mtime.seconds / 2 ** 32), at + 36);
  image.writeUInt32LE(mtime.nanoseconds, at + 40);
  image.writeUInt32LE(fields.links, at + 44);
  image.fill(0, at + 48, at + extendedInodeBytes);
}

/** For small numbers, and the file system's own time. */
export function writeCompactInode(image: Buffer, at: number, fields: InodeFields): void {
  image.writeUInt16LE(fields.layout << 1, at);
  image.writeUInt16LE(fields.xattrCount, at + 2);
  image.writeUInt16LE(fields.mode, at + 4);
  image.writeUInt16LE(fields.links, at + 6);
  image.writeUInt32LE(fields.size, at + 8);
  image.writeUInt32LE(0, at + 12);
  image.writeUInt32LE(fields.reference, at + 16);
  image.writeUInt32LE(fields.number, at + 20);
  image.writeUInt16LE(fields.uid, at + 24);
  image.writeUInt16LE(fields.gid, at + 26);
  image.writeUInt32LE(0, at + 28);
}
