/** How the view of VMs is arranged: what of them shows, in which groups, in which order. */
import type { VmSummary } from "../../../engine/protocol/index.ts";
import { isRunning } from "../../engine/store.ts";
import { repositoryOf } from "../short-reference.ts";

export const groupings = ["none", "project", "repository", "label"] as const;
export const orders = ["created", "name", "state"] as const;

export interface VmArrangement {
  groupBy: (typeof groupings)[number];
  /** By whose values VMs are grouped, where they are by a label. */
  label: string;
  sortBy: (typeof orders)[number];
  /** Words that all must be found in a VM's name, image, labels or networks; "" for all VMs. */
  filter: string;
}

/** The newest on top, as `mocker ps -a` lists them. */
export const plainArrangement: VmArrangement = {
  groupBy: "none",
  label: "",
  sortBy: "created",
  filter: "",
};

/** Whether what was remembered, perhaps by another version, is an arrangement. */
export function isArrangement(value: unknown): value is VmArrangement {
  if (typeof value !== "object" || value === null) return false;
  const { groupBy, label, sortBy, filter }: Partial<Record<keyof VmArrangement, unknown>> = value;
  return (
    groupings.some((one) => one === groupBy) &&
    orders.some((one) => one === sortBy) &&
    typeof label === "string" &&
    typeof filter === "string"
  );
}

/** Compose's label of the project that a container belongs to (compose/pkg/api/labels.go). */
const projectLabel = "com.docker.compose.project";

export interface VmGroup {
  /** "" for the VMs that are in none. */
  name: string;
  vms: VmSummary[];
}

/** The groups by name, those of no group last, each with its VMs in the order that they were given in. */
export function groupVms(vms: readonly VmSummary[], arrangement: VmArrangement): VmGroup[] {
  const groups = new Map<string, VmSummary[]>();
  for (const vm of vms) {
    const name = groupOf(vm, arrangement);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [vm]);
    else group.push(vm);
  }
  return [...groups]
    .map(([name, members]) => ({ name, vms: members }))
    .sort((a, b) => Number(a.name === "") - Number(b.name === "") || compareText(a.name, b.name));
}

function groupOf({ labels, image }: VmSummary, { groupBy, label }: VmArrangement): string {
  switch (groupBy) {
    case "none":
      return "";
    case "project":
      return labels[projectLabel] ?? "";
    case "label":
      return labels[label] ?? "";
    case "repository":
      return repositoryOf(image);
  }
}

/** Not in a VM's state: a row that goes as its VM ends would put the next one's buttons under the pointer. */
export function matchesVm({ name, image, labels, networks }: VmSummary, filter: string): boolean {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return matchesText([name, image, ...networks, ...pairs], filter);
}

/** Whether each word of the filter is in one of the texts, whatever their case. */
export function matchesText(texts: readonly string[], filter: string): boolean {
  const words = filter.toLowerCase().split(/\s+/);
  return words.every((word) => texts.some((text) => text.toLowerCase().includes(word)));
}

/**
 * The order of VMs. By state it is that of the moment when it was first asked for: a list that shifts as VMs
 * start and end puts another one's Stop button under the pointer.
 */
export class VmOrder {
  /** By ID. */
  #places = new Map<string, number>();

  /** The states of now count again, at the next call of `sorted`. */
  forget(): void {
    this.#places = new Map();
  }

  sorted(vms: Iterable<VmSummary>, sortBy: VmArrangement["sortBy"]): VmSummary[] {
    const byCreation = [...vms].sort((a, b) => compareText(b.createdAt, a.createdAt));
    switch (sortBy) {
      case "created":
        return byCreation;
      case "name":
        return byCreation.sort((a, b) => compareText(a.name.toLowerCase(), b.name.toLowerCase()));
      case "state":
        return this.#byState(byCreation);
    }
  }

  #byState(vms: VmSummary[]): VmSummary[] {
    const places = this.#places;
    if (places.size === 0) {
      vms.sort((a, b) => stateRank(a) - stateRank(b));
      for (const [place, vm] of vms.entries()) places.set(vm.id, place);
      return vms;
    }
    // Those that have come since are on top, the newest first.
    let top = Math.min(...places.values());
    for (const vm of [...vms].reverse()) if (!places.has(vm.id)) places.set(vm.id, --top);
    return vms.sort((a, b) => (places.get(a.id) ?? 0) - (places.get(b.id) ?? 0));
  }
}

/** What runs, what is to run, what has ended. */
function stateRank(vm: VmSummary): number {
  if (isRunning(vm)) return 0;
  return vm.state === "created" ? 1 : 2;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
