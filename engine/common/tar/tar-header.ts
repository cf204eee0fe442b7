import { MockerError } from "../../protocol/errors.ts";

/**
 * One 512-byte header of a tar archive (POSIX ustar, GNU, star and the old V7 form), strictly read: a layer
 * is hostile until proven otherwise, so a number that is no number is an error, not 0. Names are "binary"
 * strings, one character a byte, because tar names are bytes and need not be UTF-8.
 */
export interface TarHeader {
  /** ASCII code of the type flag. */
  type: number;
  name: string;
  linkName: string;
  /** Permission bits, 0 to 0o7777. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtimeSeconds: number;
  deviceMajor: number;
  deviceMinor: number;
}

/** A fault in a tar archive; the caller adds the layer and the entry. */
export class TarError extends MockerError {
  constructor(message: string) {
    super("IMAGE_INVALID", message);
    this.name = "TarError";
  }
}

export const blockSize = 512;

/** Longest PAX header or GNU long name, as in Go's archive/tar. */
export const maximumMetadataBytes = 1 << 20;

/** Decodes the header at `offset`; null for a block of zeros. Throws TarError. */
export function decodeHeader(block: Buffer, offset = 0): TarHeader | null {
  let sum = 8 * 32;
  for (let i = offset; i < offset + 148; i++) sum += block[i] ?? 0;
  for (let i = offset + 156; i < offset + blockSize; i++) sum += block[i] ?? 0;
  if (sum === 8 * 32 && isZero(block, offset)) return null;
  const stored = number(block, offset + 148, 8, "checksum");
  if (stored !== sum && stored !== signedSum(block, offset))
    throw new TarError("bad tar header checksum: the archive is damaged or not a tar archive");
  let name = text(block, offset, 100);
  // "ustar\0": POSIX. GNU writes "ustar  " and keeps other things where POSIX has the prefix.
  if (block[offset + 345] !== 0 && block.toString("latin1", offset + 257, offset + 263) === "ustar\0") {
    const star = block.toString("latin1", offset + 508, offset + 512) === "tar\0";
    name = `${text(block, offset + 345, star ? 131 : 155)}/${name}`;
  }
  const type = block[offset + 156] ?? 0;
  const device = type === 0x33 || type === 0x34;
  return {
    type,
    name,
    linkName: block[offset + 157] === 0 ? "" : text(block, offset + 157, 100),
    mode: number(block, offset + 100, 8, "mode") & 0o7777,
    uid: number(block, offset + 108, 8, "owner"),
    gid: number(block, offset + 116, 8, "group"),
    size: number(block, offset + 124, 12, "size"),
    mtimeSeconds: number(block, offset + 136, 12, "time"),
    deviceMajor: device ? number(block, offset + 329, 8, "device number") : 0,
    deviceMinor: device ? number(block, offset + 337, 8, "device number") : 0,
  };
}

/** A field up to its first NUL. */
export function text(block: Buffer, start: number, length: number): string {
  let end = start;
  while (end < start + length && block[end] !== 0) end++;
  return block.toString("latin1", start, end);
}

/** An octal or (GNU, star) base-256 number. */
export function number(block: Buffer, start: number, length: number, what: string): number {
  const first = block[start] ?? 0;
  if (first & 0x80) {
    // Two's complement, big endian, with the marker bit on top.
    const negative = (first & 0x40) !== 0;
    let value = negative ? (first & 0x7f) - 0x80 : first & 0x7f;
    for (let i = start + 1; i < start + length; i++) {
      value = value * 256 + (block[i] ?? 0);
      if (!Number.isSafeInteger(value)) throw new TarError(`the ${what} in the tar header is out of range`);
    }
    return value;
  }
  let at = start;
  const end = start + length;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  let value = 0;
  for (; at < end; at++) {
    const byte = block[at] ?? 0;
    if (byte === 0x20 || byte === 0) break;
    if (byte < 0x30 || byte > 0x37)
      throw new TarError(`the ${what} in the tar header is not an octal number`);
    value = value * 8 + (byte - 0x30);
  }
  return value;
}

function isZero(block: Buffer, offset: number): boolean {
  for (let i = offset; i < offset + blockSize; i++) if (block[i] !== 0) return false;
  return true;
}

/** Some old tars added the bytes up as signed ones. */
function signedSum(block: Buffer, offset: number): number {
  let sum = 8 * 32;
  for (let i = 0; i < blockSize; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[offset + i] ?? 0;
    sum += byte > 127 ? byte - 256 : byte;
  }
  return sum;
}

/**
 * Records of a PAX extended header, `<length> <key>=<value>\n`, as binary strings: tar-stream and most others
 * decode them as UTF-8, which damages binary xattrs such as security.capability.
 */
export function decodePax(payload: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  // GNU tar's sparse format 0.0 has a pair of records for each part of a file, 0.1 has all of them in one.
  const parts: string[] = [];
  let at = 0;
  while (at < payload.length) {
    const start = at;
    let length = 0;
    while (at < payload.length && payload[at] !== 0x20) {
      const digit = (payload[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9 || at - start > 7) throw new TarError("malformed PAX header");
      length = length * 10 + digit;
      at++;
    }
    const end = start + length;
    if (at === start || end <= at + 1 || end > payload.length || payload[end - 1] !== 0x0a)
      throw new TarError("malformed PAX header");
    const record = payload.toString("latin1", at + 1, end - 1);
    const equals = record.indexOf("=");
    if (equals <= 0) throw new TarError("malformed PAX header");
    const key = record.slice(0, equals);
    const value = record.slice(equals + 1);
    if (key.includes("\0") || (/^(path|linkpath|uname|gname)$/.test(key) && value.includes("\0")))
      throw new TarError("PAX header with a NUL in a name");
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
      if ((key === "GNU.sparse.offset") !== (parts.length % 2 === 0) || value.includes(","))
        throw new TarError("malformed sparse map");
      parts.push(value);
    } else records.set(key, value);
    at = end;
  }
  if (parts.length > 0) records.set("GNU.sparse.map", parts.join(","));
  return records;
}

/** A decimal PAX number. */
export function paxInteger(value: string, what: string): number {
  if (!/^-?[0-9]{1,19}$/.test(value)) throw new TarError(`the ${what} in the PAX header is not a number`);
  const parsed = Number(value);
  if (!Number.isSafeInteger(parsed)) throw new TarError(`the ${what} in the PAX header is out of range`);
  return parsed;
}

/**
 * A PAX time `seconds[.fraction]`, fraction cut to nanoseconds and counted upwards also for negative times.
 */
export function paxTime(value: string): { seconds: number; nanoseconds: number } {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value);
  if (!match) throw new TarError("the time in the PAX header is not a number");
  const seconds = Number(match[2]);
  const nanoseconds = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] === "") return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: seconds === 0 ? 0 : -seconds, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

/** The furthest time of a Date, in seconds; no file system that Linux writes holds more. */
const furthestSeconds = 8_640_000_000_000;

/**
 * A time of an archive for Node's utimes: that takes a negative number for the present time, but not a Date
 * before 1970.
 */
export function fileTime(entry: { mtimeSeconds: number; mtimeNanoseconds: number }): number | Date {
  const exactly = entry.mtimeSeconds + entry.mtimeNanoseconds / 1e9;
  const seconds = Math.max(-furthestSeconds, Math.min(furthestSeconds, exactly));
  return seconds < 0 ? new Date(seconds * 1000) : seconds;
}
