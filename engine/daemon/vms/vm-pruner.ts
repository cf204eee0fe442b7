import { diskBytes } from "../../common/disk-bytes.ts";
import { type Filters, pruneCondition } from "../../docker/filters.ts";
import { parsePruneTime } from "../../docker/times.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { VmPruneResult, VmSummary } from "../../protocol/vm.ts";

/** What a prune needs of the VMs. */
export interface PrunedVms {
  all(): VmSummary[];
  /** Its directory on the host. @throws VM_NOT_FOUND */
  dirOf(id: string): string;
  /** @throws VM_RUNNING, VM_NOT_FOUND */
  remove(id: string): Promise<unknown>;
}

const filterKeys = ["label", "label!", "until"];

/**
 * Removes the VMs that do not run and that Docker's filters `label`, `label!` and `until` are about.
 * @throws INVALID_ARGUMENT for another filter
 */
export async function pruneVms(vms: PrunedVms, filters: Filters): Promise<VmPruneResult> {
  const unknown = Object.keys(filters).find((key) => !filterKeys.includes(key));
  if (unknown !== undefined) {
    throw new MockerError("INVALID_ARGUMENT", `invalid filter '${unknown}'`, {
      hint: `Filters are: ${filterKeys.join(", ")}.`,
    });
  }
  const matches = pruneCondition(filters, (text) => parsePruneTime(text, Date.now()));
  const result: VmPruneResult = { removed: [], reclaimedBytes: 0 };
  for (const { id, state, labels, createdAt } of vms.all()) {
    if (state === "running" || state === "paused" || !matches({ labels, created: createdAt })) continue;
    try {
      const bytes = await diskBytes(vms.dirOf(id));
      await vms.remove(id);
      result.removed.push(id);
      result.reclaimedBytes += bytes;
    } catch (error) {
      // Started or removed meanwhile.
      if (!(error instanceof MockerError && ["VM_RUNNING", "VM_NOT_FOUND"].includes(error.code))) throw error;
    }
  }
  return result;
}
