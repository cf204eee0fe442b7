import { familiar, familiarName, parseReference, type Reference } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { ImageSummary } from "../../../protocol/image.ts";
import type { ImageRecord } from "./image-records.ts";
import { summaryOf } from "./image-summary.ts";

/** Docker's filters of `image ls`; values of one key are alternatives, keys must all hold. */
export function matchesFilters(
  record: ImageRecord,
  filters: Record<string, string[]>,
  createdOf: (reference: string) => number,
): boolean {
  const names = Object.keys(record.tags).map(parseReference);
  return Object.entries(filters).every(([key, values]) =>
    values.some((value) => {
      switch (key) {
        case "reference":
          return [...names, ...record.repoDigests.map(parseReference)].some((name) =>
            matchesReference(name, [value]),
          );
        case "dangling":
          return (names.length === 0) === isTrue(value);
        case "label":
          return matchesLabel(record, value);
        case "before":
          return Date.parse(record.created) < createdOf(value);
        case "since":
          return Date.parse(record.created) > createdOf(value);
        default:
          return false;
      }
    }),
  );
}

/** `KEY` or `KEY=VALUE` */
export function matchesLabel({ config: { labels } }: ImageRecord, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  if (equals < 0) return labels[wanted] !== undefined;
  return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
}

/** Docker's reading of a yes or no. @throws INVALID_ARGUMENT */
export function isTrue(value: string): boolean {
  if (/^(true|1)$/i.test(value)) return true;
  if (/^(false|0)$/i.test(value)) return false;
  throw new MockerError("INVALID_ARGUMENT", `invalid filter 'dangling=[${value}]'`, {
    hint: "Give true or false.",
  });
}

export const filterKeys = ["reference", "dangling", "label", "before", "since"];

/** Go's path.Match, as Docker uses it: `*` and `?` stop at slashes. */
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

/** The summary with only those names that a filter of references asks for, as Docker's `images NAME` shows them. */
export function summaryOfMatching(record: ImageRecord, patterns: readonly string[]): ImageSummary {
  const matches = (name: string): boolean => matchesReference(parseReference(name), patterns);
  return summaryOf({
    ...record,
    tags: Object.fromEntries(Object.entries(record.tags).filter(([tag]) => matches(tag))),
    repoDigests: record.repoDigests.filter(matches),
  });
}

/** Docker's FamiliarMatch: a pattern is of the whole reference or of its name. */
function matchesReference(reference: Reference, patterns: readonly string[]): boolean {
  return patterns.some(
    (pattern) => globMatches(pattern, familiar(reference)) || globMatches(pattern, familiarName(reference)),
  );
}
