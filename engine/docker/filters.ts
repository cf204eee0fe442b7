/** Docker's `--filter key=value`: its grammar and what several filters of lists and prunes have in common. */
import { MockerError } from "../protocol/errors.ts";

/** Values by key, as they go to the engine. */
export type Filters = Record<string, string[]>;

/**
 * The filters of a command line; keys are not case-sensitive, spaces around both sides do not count
 * (docker/cli, opts.FilterOpt). @throws Error in Docker's words for one without `=`
 */
export function parseFilters(texts: readonly string[]): Filters {
  const byKey = new Map<string, string[]>();
  for (const text of texts) {
    checkFilter(text);
    const equals = text.indexOf("=");
    const key = text.slice(0, equals).trim().toLowerCase();
    byKey.set(key, [...(byKey.get(key) ?? []), text.slice(equals + 1).trim()]);
  }
  return Object.fromEntries(byKey);
}

/** @throws Error in Docker's words for a filter without `=` */
export function checkFilter(text: string): void {
  if (!text.includes("=")) throw new Error("bad format of filter (expected name=value)");
}

/** Whether an object with these labels has the label `KEY` or `KEY=VALUE`. */
export function matchesLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  const key = equals < 0 ? wanted : wanted.slice(0, equals);
  return Object.hasOwn(labels, key) && (equals < 0 || labels[key] === wanted.slice(equals + 1));
}

/** Docker's reading of the yes or no of the filter `key`. @throws INVALID_ARGUMENT */
export function parseFilterBoolean(key: string, value: string): boolean {
  if (/^(true|1)$/i.test(value)) return true;
  if (/^(false|0)$/i.test(value)) return false;
  throw new MockerError("INVALID_ARGUMENT", `invalid filter '${key}=[${value}]'`, {
    hint: "Give true or false.",
  });
}

/** The properties of an object that a prune's filters ask about. */
export interface PruneSubject {
  labels: Readonly<Record<string, string>>;
  /** RFC 3339 */
  created: string;
}

/**
 * The condition that the filters `label`, `label!` and `until` of a prune are; other keys are the caller's.
 * `parseTime` gives the milliseconds since the epoch of an `until`. @throws INVALID_ARGUMENT in Docker's
 * words
 */
export function pruneCondition(
  { label = [], "label!": notLabel = [], until = [] }: Filters,
  parseTime: (text: string) => number,
): (subject: PruneSubject) => boolean {
  const [text, ...more] = until;
  if (more.length > 0) throw new MockerError("INVALID_ARGUMENT", "more than one until filter specified");
  const end = text === undefined ? undefined : parseTime(text);
  return ({ labels, created }) =>
    (end === undefined || Date.parse(created) <= end) &&
    label.every((wanted) => matchesLabel(labels, wanted)) &&
    !notLabel.some((wanted) => matchesLabel(labels, wanted));
}

/**
 * Go's path.Match, as Docker uses it for names: `*` and `?` stop at slashes. An impossible range matches
 * nothing.
 */
export function globMatches(pattern: string, text: string): boolean {
  const source = pattern.replace(
    /\\(.)|(\*)|(\?)|(\[\^?[^\]]+\])|([.+^${}()|[\]\\])/g,
    (whole, escaped, star, question, set) =>
      escaped !== undefined
        ? escaped.replace(/[.+^${}()|[\]\\*?]/, "\\$&")
        : star
          ? "[^/]*"
          : question
            ? "[^/]"
            : set
              ? whole
              : `\\${whole}`,
  );
  try {
    return new RegExp(`^${source}$`).test(text);
  } catch {
    return false;
  }
}
