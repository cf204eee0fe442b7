/**
 * Sizes and times in words. Times are those of the clock: text that stays on the screen must not grow stale.
 */
import { humanSize } from "../../engine/docker/sizes.ts";

/** Decimal bytes with three digits, as `mocker images` prints them: `7.73MB`. */
export function formatBytes(bytes: number): string {
  return humanSize(bytes);
}

/** `Jan 9, 2026, 11:59 PM` in the editor's language, for an RFC 3339 time; "" for none or the epoch's. */
export function formatTime(time: string | undefined, language: string): string {
  return format(time, language, { dateStyle: "medium", timeStyle: "short" });
}

/** `Jan 9, 2026`. */
export function formatDate(time: string | undefined, language: string): string {
  return format(time, language, { dateStyle: "medium" });
}

function format(time: string | undefined, language: string, options: Intl.DateTimeFormatOptions): string {
  const then = time === undefined ? Number.NaN : Date.parse(time);
  // Reproducible images have no creation time, or the epoch's.
  if (Number.isNaN(then) || then <= 0) return "";
  return new Intl.DateTimeFormat(language, options).format(then);
}

/** First 12 digits of an ID, without its algorithm, as Docker shows them. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}
