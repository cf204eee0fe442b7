import { type Filters, globMatches, parseFilterBoolean, pruneCondition } from "../../../docker/filters.ts";
import { familiar, familiarName, parseReference, type Reference } from "../../../docker/reference.ts";
import { parsePruneTime } from "../../../docker/times.ts";
import type { ImageRecord } from "./image-records.ts";

/**
 * Docker's filters of `image ls`: labels must all hold, of one other key's values one must, keys must all
 * hold.
 */
export function matchesFilters(
  record: ImageRecord,
  { label = [], "label!": notLabel = [], until = [], ...filters }: Filters,
  createdOf: (reference: string) => number,
): boolean {
  const names = Object.keys(record.tags).map(parseReference);
  const subject = { labels: record.config.labels, created: record.created };
  const parseUntil = (text: string): number => parsePruneTime(text, Date.now());
  if (!pruneCondition({ label, "label!": notLabel, until }, parseUntil)(subject)) return false;
  return Object.entries(filters).every(([key, values]) =>
    values.some((value) => {
      switch (key) {
        case "reference":
          return [...names, ...record.repoDigests.map(parseReference)].some((name) =>
            matchesReference(name, [value]),
          );
        case "dangling":
          return (names.length === 0) === parseFilterBoolean("dangling", value);
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

export const filterKeys = ["before", "dangling", "label", "label!", "reference", "since", "until"];

/** The record with only those names that a filter of references asks for, as Docker's `images NAME` does. */
export function withMatchingNames(record: ImageRecord, patterns: readonly string[] | undefined): ImageRecord {
  if (patterns === undefined) return record;
  const matches = (name: string): boolean => matchesReference(parseReference(name), patterns);
  return {
    ...record,
    tags: Object.fromEntries(Object.entries(record.tags).filter(([tag]) => matches(tag))),
    repoDigests: record.repoDigests.filter(matches),
  };
}

/** Docker's FamiliarMatch: a pattern is of the whole reference or of its name. */
function matchesReference(reference: Reference, patterns: readonly string[]): boolean {
  return patterns.some(
    (pattern) => globMatches(pattern, familiar(reference)) || globMatches(pattern, familiarName(reference)),
  );
}
