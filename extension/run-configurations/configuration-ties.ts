/** Which VMs a run configuration has made: their labels say so. */
import type { VmSummary } from "../../engine/protocol/index.ts";

/** A configuration, by its name and the path of the workspace folder whose file it is in. */
export interface ConfigurationTie {
  name: string;
  folder: string;
}

const nameLabel = "mocker.configuration";
const folderLabel = "mocker.configuration.folder";

/** Labels of a VM that the configuration makes. */
export function tieLabels({ name, folder }: ConfigurationTie): Record<string, string> {
  return { [nameLabel]: name, [folderLabel]: folder };
}

export function isTied({ labels }: Pick<VmSummary, "labels">, { name, folder }: ConfigurationTie): boolean {
  return labels[nameLabel] === name && labels[folderLabel] === folder;
}

/** The VMs that the configuration has made, the newest first. */
export function tiedVms<T extends Pick<VmSummary, "labels" | "createdAt">>(
  vms: Iterable<T>,
  tie: ConfigurationTie,
): T[] {
  return [...vms]
    .filter((vm) => isTied(vm, tie))
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0));
}

/** What a run of a configuration does when there is a VM of it already. */
export type OnExisting = "ask" | "replace" | "start";

/**
 * What is to be done about a VM that stands in the way of a run. One that this configuration has not made is
 * somebody's, and nothing is done to it without a question.
 */
export function reactionTo(
  vm: Pick<VmSummary, "labels">,
  tie: ConfigurationTie | undefined,
  onExisting: OnExisting | undefined,
): OnExisting {
  return tie !== undefined && isTied(vm, tie) ? (onExisting ?? "ask") : "ask";
}
