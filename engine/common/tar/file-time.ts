/** What a Date holds, in seconds; no file system that Linux writes holds more. */
const furthestSeconds = 8_640_000_000_000;

/** A time of an archive for Node's utimes: that takes a negative number for the present time, but not a Date before 1970. */
export function fileTime(entry: { mtimeSeconds: number; mtimeNanoseconds: number }): number | Date {
  const exactly = entry.mtimeSeconds + entry.mtimeNanoseconds / 1e9;
  const seconds = Math.max(-furthestSeconds, Math.min(furthestSeconds, exactly));
  return seconds < 0 ? new Date(seconds * 1000) : seconds;
}
