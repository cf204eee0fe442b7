/** `--filter name=value`. */
import { checkFilter } from "../docker/filters.ts";
import { type Flag, listFlag } from "./flags.ts";

export function filterFlag(
  description = "Filter output based on conditions provided",
): Flag<readonly string[]> {
  return listFlag("f", "filter", description, filter);
}

/** The same for verbs whose `-f` is something else. */
export function pruneFilterFlag(description: string): Flag<readonly string[]> {
  return listFlag(undefined, "filter", description, filter);
}

function filter(text: string): string {
  checkFilter(text);
  return text;
}

export { parseFilters as filtersOf } from "../docker/filters.ts";
