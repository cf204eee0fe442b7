/** `--filter name=value`. */
import { checkFilter } from "../docker/filters.ts";
import { type Flag, listFlag } from "./flags.ts";

export function filterFlag(): Flag<readonly string[]> {
  return listFlag("f", "filter", "Filter output based on conditions provided", filter);
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
