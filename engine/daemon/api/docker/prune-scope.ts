import { type Filters, parseFilterBoolean } from "../../../docker/filters.ts";

/**
 * What a prune of images or volumes is to look at: clients say `all` by the filter `dangling`, false for all.
 * @throws INVALID_ARGUMENT for what is neither yes nor no
 */
export function pruneScope({ dangling = [], ...filters }: Filters): { all: boolean; filters: Filters } {
  return { all: dangling.some((value) => !parseFilterBoolean("dangling", value)), filters };
}
