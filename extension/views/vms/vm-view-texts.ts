/** What the view of VMs says of itself, beside its title and over its rows. */
import type { VmSummary } from "../../../engine/protocol/index.ts";
import { l10n } from "../../l10n.ts";
import { matchesVm, type VmArrangement } from "./vm-arrangement.ts";

/** `web · by project · by name`: what differs from all VMs, the newest on top. */
export function arrangementText({ filter, groupBy, label, sortBy }: VmArrangement): string {
  const parts = filter === "" ? [] : [l10n.t("“{0}”", filter)];
  if (groupBy === "project") parts.push(l10n.t("by project"));
  else if (groupBy === "repository") parts.push(l10n.t("by repository"));
  else if (groupBy === "label") parts.push(l10n.t("by {0}", label));
  if (sortBy === "name") parts.push(l10n.t("sorted by name"));
  else if (sortBy === "state") parts.push(l10n.t("sorted by state"));
  return parts.join(" · ");
}

/** Says that nothing is found, else that some VMs are simulated: there is room however narrow the view is. */
export function vmMessage(vms: readonly VmSummary[], { filter }: VmArrangement): string {
  if (vms.length > 0 && !vms.some((vm) => matchesVm(vm, filter))) return nothingFound(filter);
  return vms.some(({ runtime }) => runtime === "simulation") ? l10n.t("Simulated VMs are not isolated.") : "";
}

export function nothingFound(filter: string): string {
  return l10n.t("Nothing matches “{0}”.", filter);
}
