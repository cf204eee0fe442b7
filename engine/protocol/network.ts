import { NotificationType, RequestType } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type {
  NetworkConnectParams,
  NetworkCreateParams,
  NetworkDisconnectParams,
  NetworkListParams,
  NetworkParams,
  NetworkPruneParams,
} from "./params/network.ts";

/** Networks that a VM can have without one having been created. */
export const networkModes = ["bridge", "none", "tsi"] as const;
export type NetworkMode = (typeof networkModes)[number];

/** A port of a VM, as lists show it. */
export interface VmPort {
  protocol: "tcp" | "udp";
  guestPort: number;
  /** Absent: exposed, not published. */
  host?: { address: string; port: number };
}

/** A VM's end in a network, while it runs; of one that does not, what it will be. */
export interface VmEndpoint {
  network: string;
  /** Empty where there is no such network any more. */
  networkId: string;
  aliases: string[];
  links: string[];
  /** What the user asked for. */
  wantedAddress?: string;
  wantedMac?: string;
  /** The others are of a VM that runs. */
  endpointId?: string;
  address?: string;
  prefixLength?: number;
  gateway?: string;
  mac?: string;
  /** All names by which others in the network find it. */
  names?: string[];
  /** Why it does not work: the network's process has ended, or it was disconnected. */
  problem?: string;
}

/** A VM in a network. */
export interface NetworkEndpoint {
  vm: string;
  name: string;
  endpointId: string;
  mac: string;
  address: string;
  prefixLength: number;
}

export interface NetworkDetails {
  /** 64 hex digits. */
  id: string;
  name: string;
  /** RFC 3339. */
  createdAt: string;
  driver: "bridge" | "host" | "null";
  /** Empty for `none` and `host`, as is `gateway`. */
  subnet: string;
  gateway: string;
  ipRange?: string;
  internal: boolean;
  attachable: boolean;
  labels: Record<string, string>;
  options: Record<string, string>;
  /** VMs that run. */
  endpoints: NetworkEndpoint[];
  /** Its process on the host; absent while there is none. */
  pid?: number;
  /** Why it cannot be used. */
  problem?: string;
}

export interface NetworkCreateResult {
  id: string;
  /** One line each, for stderr. */
  warnings: string[];
}
export const networkCreate = new RequestType<NetworkCreateParams, NetworkCreateResult, ErrorData>(
  "network/create",
);

/** By name. */
export const networkList = new RequestType<NetworkListParams, NetworkDetails[], ErrorData>("network/list");

export const networkInspect = new RequestType<NetworkParams, NetworkDetails, ErrorData>("network/inspect");

export const networkRemove = new RequestType<NetworkParams, { id: string }, ErrorData>("network/remove");

export interface NetworkPruneResult {
  /** Names. */
  deleted: string[];
}
/** Removes the networks that no VM is made for. */
export const networkPrune = new RequestType<NetworkPruneParams, NetworkPruneResult, ErrorData>(
  "network/prune",
);

/** A VM that runs can be connected only to a network that it was started with. */
export const networkConnect = new RequestType<NetworkConnectParams, null, ErrorData>("network/connect");

export const networkDisconnect = new RequestType<NetworkDisconnectParams, null, ErrorData>(
  "network/disconnect",
);

export interface NetworkChange {
  kind: "created" | "removed" | "connected" | "disconnected" | "failed";
  id: string;
  name: string;
  /** Of the VM that was connected or disconnected. */
  vm?: string;
}
export const networkDidChange = new NotificationType<NetworkChange>("network/didChange");
