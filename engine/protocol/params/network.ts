import * as v from "valibot";
import { filters, finiteNumber, labels, strings } from "./schema.ts";

/** How a VM is attached to one network. */
export const NetworkAttachment = v.object({
  /** Name, ID or unique ID prefix; `host` means `bridge` here, with a warning. */
  network: v.string(),
  /** More names of the VM in this network. */
  aliases: v.exactOptional(strings),
  /** IPv4 address; absent: one per start. */
  address: v.exactOptional(v.string()),
  /** `02:42:ac:11:00:02`; absent: one that follows from the address. */
  mac: v.exactOptional(v.string()),
  /** `VM` or `VM:ALIAS`: other VMs of this network, with names that only this VM knows them by. */
  links: v.exactOptional(strings),
});
export type NetworkAttachment = v.InferOutput<typeof NetworkAttachment>;

/**
 * How a VM is connected: to networks of ours, with one card for each; not at all; by TSI, where its sockets
 * are the host's; or by a passt of its own.
 */
export const Network = v.variant("mode", [
  v.object({ mode: v.literal("networks"), attachments: v.array(NetworkAttachment) }),
  v.object({ mode: v.literal("none") }),
  v.object({ mode: v.literal("tsi") }),
  v.object({ mode: v.literal("passt") }),
]);
export type Network = v.InferOutput<typeof Network>;

/** A port of the guest that is published on the host. */
export const PortBinding = v.object({
  protocol: v.picklist(["tcp", "udp"]),
  guestPort: finiteNumber,
  /** Absent: the engine's default, which is all addresses. */
  hostAddress: v.exactOptional(v.string()),
  /** Absent: one that is free. */
  hostPort: v.exactOptional(finiteNumber),
  /** With `hostPort`: the first free one from that to this. */
  hostPortEnd: v.exactOptional(finiteNumber),
});
export type PortBinding = v.InferOutput<typeof PortBinding>;

/** The guest's resolver; absent members are the network's or the host's. */
export const Dns = v.object({
  servers: v.exactOptional(strings),
  search: v.exactOptional(strings),
  options: v.exactOptional(strings),
});
export type Dns = v.InferOutput<typeof Dns>;

export const NetworkCreateParams = v.object({
  name: v.string(),
  /** Default: `bridge`, the only one. */
  driver: v.exactOptional(v.string()),
  /** `172.28.0.0/16`; absent: the next free one of the pools. */
  subnet: v.exactOptional(v.string()),
  gateway: v.exactOptional(v.string()),
  /** Addresses are given to VMs from this part of the subnet. */
  ipRange: v.exactOptional(v.string()),
  /** No way out, and none in by published ports. */
  internal: v.exactOptional(v.boolean()),
  attachable: v.exactOptional(v.boolean()),
  labels: v.exactOptional(labels),
  options: v.exactOptional(labels),
});
export type NetworkCreateParams = v.InferOutput<typeof NetworkCreateParams>;

/** `network` is a name, an ID or a unique ID prefix, wherever it appears. */
export const NetworkParams = v.object({ network: v.string() });
export type NetworkParams = v.InferOutput<typeof NetworkParams>;

export const NetworkListParams = v.object({
  /** Docker's filters: driver, id, label, name, scope, type, dangling. */
  filters: v.exactOptional(filters),
});
export type NetworkListParams = v.InferOutput<typeof NetworkListParams>;

export const NetworkPruneParams = v.object({
  /** Docker's filters: label, label!, until. */
  filters: v.exactOptional(filters),
});
export type NetworkPruneParams = v.InferOutput<typeof NetworkPruneParams>;

export const NetworkConnectParams = v.object({ ...NetworkAttachment.entries, vm: v.string() });
export type NetworkConnectParams = v.InferOutput<typeof NetworkConnectParams>;

export const NetworkDisconnectParams = v.object({
  network: v.string(),
  vm: v.string(),
  /** Also from a network that is there no more. */
  force: v.exactOptional(v.boolean()),
});
export type NetworkDisconnectParams = v.InferOutput<typeof NetworkDisconnectParams>;
