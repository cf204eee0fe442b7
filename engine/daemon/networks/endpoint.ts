import type { BoundPort } from "./netd-client.ts";

/** A VM, as networks know it. */
export interface Member {
  /** 64 hex digits. */
  id: string;
  name: string;
}

/** A VM's end in a network, from its start to its end; what the next engine is told of it. */
export interface EndpointRecord {
  network: string;
  networkId: string;
  /** 64 hex digits. */
  endpointId: string;
  mac: string;
  /** `172.17.0.2` */
  address: string;
  prefixLength: number;
  gateway: string;
  mtu: number;
  /** The way out of the VM goes through this network. */
  isDefaultRoute: boolean;
  /** All by which others in the network find it. */
  names: string[];
  ports: BoundPort[];
}

/** The same while it lives. */
export interface Endpoint extends EndpointRecord {
  vm: Member;
  /** Why it does not work; undefined while it does. */
  problem: string | undefined;
}

/** What is written down of an endpoint. */
export function endpointRecord({ vm: _vm, problem: _problem, ...record }: Endpoint): EndpointRecord {
  return record;
}
