import type { Network, NetworkAttachment } from "../../protocol/vm.ts";

/** The networks of ours that a VM is made for. */
export function attachmentsOf(network: Network): readonly NetworkAttachment[] {
  return network.mode === "networks" ? network.attachments : [];
}

/** How many network cards a VM has. */
export function cardsOf(network: Network): number {
  return network.mode === "passt" ? 1 : attachmentsOf(network).length;
}
