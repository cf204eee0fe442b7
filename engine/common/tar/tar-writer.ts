import { blockSize } from "./tar-header.ts";

/** The fields of a header. Strings are binary ones, one character a byte. */
export interface TarMember {
  /** Directories end with a slash. */
  name: string;
  type: TarType;
  linkName?: string;
  mode: number;
  uid: number;
  gid: number;
  /** For files: number of bytes that follow. */
  size?: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  deviceMajor?: number;
  deviceMinor?: number;
  xattrs: readonly (readonly [name: string, value: string])[];
}

export const tarType = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  characterDevice: "3",
  blockDevice: "4",
  directory: "5",
  fifo: "6",
} as const;
export type TarType = (typeof tarType)[keyof typeof tarType];

/** The largest numbers of the octal fields of a ustar header. */
const maximumSize = 0o77777777777;
const maximumId = 0o7777777;

/**
 * The blocks of a member's header, as POSIX pax(1) has it: ustar, with records before it for what that cannot
 * say. The records' values are bytes, not UTF-8: a file's capabilities are bytes, and so are names.
 */
export function tarHeader(member: TarMember): Buffer {
  const records = paxRecords(member);
  const header = ustar(member, member.name, member.type, member.size ?? 0);
  if (records === "") return header;
  const payload = Buffer.from(records, "latin1");
  const padding = Buffer.alloc(tarPadding(payload.length));
  const name = `PaxHeaders/${member.name.slice(-80)}`;
  return Buffer.concat([ustar(member, name, "x", payload.length), payload, padding, header]);
}

/**
 * The header of a file or directory of root's with the epoch's time, for archives that come out the same
 * whenever they are made. A name that ends with a slash is a directory's.
 */
export function plainTarHeader(name: string, mode: number, size = 0): Buffer {
  const type = name.endsWith("/") ? tarType.directory : tarType.file;
  return tarHeader({
    name,
    type,
    mode,
    uid: 0,
    gid: 0,
    size,
    mtimeSeconds: 0,
    mtimeNanoseconds: 0,
    xattrs: [],
  });
}

/** Bytes from the end of `size` bytes to the next block. */
export function tarPadding(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

/** The end of an archive. */
export const tarEnd = Buffer.alloc(2 * blockSize);

function paxRecords(member: TarMember): string {
  const { name, linkName = "", size = 0, uid, gid, xattrs } = member;
  const records: [key: string, value: string][] = [];
  if (name.length > 100) records.push(["path", name]);
  if (linkName.length > 100) records.push(["linkpath", linkName]);
  if (size > maximumSize) records.push(["size", String(size)]);
  if (uid > maximumId) records.push(["uid", String(uid)]);
  if (gid > maximumId) records.push(["gid", String(gid)]);
  if (member.mtimeNanoseconds !== 0 || member.mtimeSeconds < 0) records.push(["mtime", paxTimeText(member)]);
  for (const [key, value] of xattrs) records.push([`SCHILY.xattr.${key}`, value]);
  return records.map(([key, value]) => paxRecord(key, value)).join("");
}

/** `length key=value\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

/**
 * Seconds as a decimal fraction: a quarter before the epoch is stored as -1 s and 750 ms up, and written
 * -0.25.
 */
function paxTimeText({ mtimeSeconds, mtimeNanoseconds }: TarMember): string {
  if (mtimeNanoseconds === 0) return String(mtimeSeconds);
  const down = mtimeSeconds < 0;
  const seconds = Math.abs(down ? mtimeSeconds + 1 : mtimeSeconds);
  const fraction = down ? 1e9 - mtimeNanoseconds : mtimeNanoseconds;
  return `${down ? "-" : ""}${seconds}.${String(fraction).padStart(9, "0")}`;
}

function ustar(member: TarMember, name: string, type: string, size: number): Buffer {
  const block = Buffer.alloc(blockSize);
  const octal = (at: number, width: number, value: number): void => {
    block.write(value.toString(8).padStart(width - 1, "0"), at, width - 1, "latin1");
  };
  block.write(name, 0, 100, "latin1");
  octal(100, 8, member.mode & 0o7777);
  octal(108, 8, Math.min(member.uid, maximumId));
  octal(116, 8, Math.min(member.gid, maximumId));
  octal(124, 12, Math.min(size, maximumSize));
  octal(136, 12, Math.min(Math.max(member.mtimeSeconds, 0), maximumSize));
  block.fill(" ", 148, 156);
  block.write(type, 156, 1, "latin1");
  if (type === member.type) block.write(member.linkName ?? "", 157, 100, "latin1");
  block.write("ustar\x0000", 257, 8, "latin1");
  if (type === tarType.characterDevice || type === tarType.blockDevice) {
    octal(329, 8, member.deviceMajor ?? 0);
    octal(337, 8, member.deviceMinor ?? 0);
  }
  let sum = 0;
  for (const byte of block) sum += byte;
  octal(148, 7, sum);
  block[154] = 0;
  return block;
}
