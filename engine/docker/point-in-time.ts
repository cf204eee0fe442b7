import { MockerError } from "../protocol/errors.ts";

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * `--since` and `--until` as Docker takes them: RFC 3339, a date, Unix seconds with a fraction, or a duration before
 * `now` (`1h30m`). Milliseconds since the epoch.
 */
export function parseTime(text: string | undefined, now: number): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    let ms = 0;
    for (const [, amount, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h)/g))
      ms += Number(amount) * (unitMs[unit as string] as number);
    return now - ms;
  }
  const time = Date.parse(text);
  if (Number.isNaN(time)) {
    throw new MockerError("INVALID_ARGUMENT", `invalid value for "since" or "until": ${text}`, {
      hint: "Give a time (2026-01-31T12:00:00Z), Unix seconds, or a duration such as 10m.",
    });
  }
  return time;
}

/** The same for `--filter until=` of a prune, in Docker's words. @throws INVALID_ARGUMENT */
export function parsePruneTime(text: string, now: number): number {
  try {
    const time = parseTime(text, now);
    if (time !== undefined) return time;
  } catch {
    // Said below.
  }
  throw new MockerError("INVALID_ARGUMENT", `failed to parse value as time or duration: "${text}"`, {
    hint: "Give a time (2026-01-31T12:00:00Z), Unix seconds, or a duration such as 24h.",
  });
}
