import { type Filters, matchesLabel, parseFilterBoolean, pruneCondition } from "../../docker/filters.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { VolumeSummary } from "../../protocol/volume.ts";

const known = ["dangling", "driver", "label", "name"] as const;

/** Docker's filters of `volume ls`: values of one key are alternatives, labels must all hold. */
export function filterVolumes(volumes: readonly VolumeSummary[], filters: Filters): VolumeSummary[] {
  refuseUnknown(filters, known);
  const { dangling = [], driver = [], label = [], name = [] } = filters;
  const unused = dangling.map((text) => parseFilterBoolean("dangling", text));
  return volumes.filter(
    (volume) =>
      (unused.length === 0 || unused.includes(volume.users.length === 0)) &&
      (driver.length === 0 || driver.includes(volume.driver)) &&
      (name.length === 0 || name.some((part) => volume.name.includes(part))) &&
      label.every((wanted) => matchesLabel(volume.labels, wanted)),
  );
}

/** The condition of `volume prune`. @throws INVALID_ARGUMENT in Docker's words */
export function pruneFilter(all: boolean, filters: Filters): (volume: VolumeSummary) => boolean {
  refuseUnknown(filters, ["all", "label", "label!"]);
  const everything = all || (filters.all ?? []).some((text) => parseFilterBoolean("all", text));
  const matches = pruneCondition(filters, () => 0);
  return (volume) =>
    (everything || volume.anonymous) && matches({ labels: volume.labels, created: volume.createdAt });
}

function refuseUnknown(filters: Filters, names: readonly string[]): void {
  const unknown = Object.keys(filters).find((key) => !names.includes(key));
  if (unknown === undefined) return;
  throw new MockerError("INVALID_ARGUMENT", `invalid filter '${unknown}'`, {
    hint: `The filters are: ${names.join(", ")}.`,
  });
}
