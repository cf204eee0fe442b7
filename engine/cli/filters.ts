/** `--filter name=value`. */
import { type Flag, listFlag } from "./flags.ts";

export function filterFlag(): Flag<readonly string[]> {
  return listFlag("f", "filter", "Filter output based on conditions provided", filter);
}

/** The same for verbs whose `-f` is something else. */
export function pruneFilterFlag(description: string): Flag<readonly string[]> {
  return listFlag(undefined, "filter", description, filter);
}

function filter(text: string): string {
  if (!text.includes("=")) throw new Error("bad format of filter (expected name=value)");
  return text;
}

/** The filters by name; names are not case-sensitive, values are trimmed (docker/cli opts.FilterOpt). */
export function filtersOf(filters: readonly string[]): Record<string, string[]> {
  const byName: Record<string, string[]> = {};
  for (const filter of filters) {
    const equals = filter.indexOf("=");
    const name = filter.slice(0, equals).trim().toLowerCase();
    byName[name] = [...(byName[name] ?? []), filter.slice(equals + 1).trim()];
  }
  return byName;
}
