/** Points in time as Docker reads and shows them. */
import { MockerError } from "../protocol/errors.ts";
import { humanDuration, parseDuration } from "./durations.ts";

/**
 * `--since` and `--until` as Docker takes them: RFC 3339, a date, Unix seconds with a fraction, or a duration
 * before `now` (`1h30m`). Milliseconds since the epoch; undefined for no text. @throws INVALID_ARGUMENT
 */
export function parseTime(text: string | undefined, now: number): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const before = parseDuration(text);
  if (before !== undefined) return now - before;
  const time = Date.parse(text);
  if (Number.isNaN(time)) {
    throw new MockerError("INVALID_ARGUMENT", `failed to parse value as time or duration: "${text}"`, {
      hint: "Give a time (2026-01-31T12:00:00Z), Unix seconds, or a duration such as 10m.",
    });
  }
  return time;
}

/** The same for logs, whose message names the flag. */
export function logTime(flag: string, text: string | undefined, now: number): number | undefined {
  try {
    return parseTime(text, now);
  } catch (error) {
    if (!(error instanceof MockerError)) throw error;
    throw new MockerError(error.code, `invalid value for "${flag}": ${error.message}`, { hint: error.hint });
  }
}

/** The time of `--filter until=` of a prune, see {@link parseTime}. @throws INVALID_ARGUMENT */
export function parsePruneTime(text: string, now: number): number {
  const time = parseTime(text, now);
  if (time !== undefined) return time;
  throw new MockerError("INVALID_ARGUMENT", `failed to parse value as time or duration: "${text}"`, {
    hint: "Give a time (2026-01-31T12:00:00Z), Unix seconds, or a duration such as 24h.",
  });
}

/** `<duration> ago` for an RFC 3339 time; "N/A" for none. */
export function humanAge(time: string, now: number = Date.now()): string {
  const then = Date.parse(time);
  // Reproducible images have no creation time, or the epoch's.
  if (Number.isNaN(then) || then <= 0) return "N/A";
  return `${humanDuration(now - then)} ago`;
}

/**
 * An RFC 3339 time as Go's time.String prints it, in this machine's zone: `2024-05-01 12:00:00 +0000 UTC`.
 */
export function goTime(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "N/A";
  const two = (n: number): string => String(n).padStart(2, "0");
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? "-" : "+";
  const minutes = Math.abs(offset);
  const zone =
    new Intl.DateTimeFormat("en", { timeZoneName: "short" })
      .formatToParts(date)
      .find((part) => part.type === "timeZoneName")?.value ?? "UTC";
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${clock} ${sign}${two(Math.floor(minutes / 60))}${two(minutes % 60)} ${zone}`;
}

/** An RFC 3339 time in whole seconds of this machine's zone, as Go formats it: `2024-05-01T12:00:00Z`. */
export function rfc3339(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "";
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19);
  if (offset === 0) return `${local}Z`;
  const two = (n: number): string => String(n).padStart(2, "0");
  const minutes = Math.abs(offset);
  return `${local}${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
