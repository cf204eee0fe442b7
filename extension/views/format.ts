/** Sizes and times in words, rendered where they are shown: nothing here grows stale. */
import { humanSize } from "../../engine/docker/sizes.ts";

/** Decimal bytes with three digits, as `mocker images` prints them: `7.73MB`. */
export function formatBytes(bytes: number): string {
  return humanSize(bytes);
}

const steps: [limitSeconds: number, seconds: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [60, 1, "second"],
  [3600, 60, "minute"],
  [48 * 3600, 3600, "hour"],
  [14 * 86_400, 86_400, "day"],
  [60 * 86_400, 7 * 86_400, "week"],
  [730 * 86_400, 30 * 86_400, "month"],
  [Number.POSITIVE_INFINITY, 365 * 86_400, "year"],
];

/** `3 minutes ago` in the editor's language, for an RFC 3339 time; "" for none or the epoch's. */
export function formatAge(time: string | undefined, now: number, language: string): string {
  const [value, unit] = ageOf(time, now) ?? [];
  if (value === undefined || unit === undefined) return "";
  return new Intl.RelativeTimeFormat(language).format(-value, unit);
}

/** `3 minutes`, of a time that has passed since then. */
export function formatDuration(time: string | undefined, now: number, language: string): string {
  const [value, unit] = ageOf(time, now) ?? [];
  if (value === undefined || unit === undefined) return "";
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

function ageOf(
  time: string | undefined,
  now: number,
): [value: number, unit: Intl.RelativeTimeFormatUnit] | undefined {
  const then = time === undefined ? Number.NaN : Date.parse(time);
  // Reproducible images have no creation time, or the epoch's.
  if (Number.isNaN(then) || then <= 0) return undefined;
  const seconds = Math.max(0, Math.floor((now - then) / 1000));
  const [, size, unit] = steps.find(([limit]) => seconds < limit) ?? [0, 1, "second" as const];
  return [Math.floor(seconds / size), unit];
}

/** First 12 digits of an ID, without its algorithm, as Docker shows them. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}
