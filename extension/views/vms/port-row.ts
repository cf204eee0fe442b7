/** Ports of a VM as rows: the same port on `0.0.0.0` and on `::` is one. */
import { comparePorts, hostAndPort } from "../../../engine/docker/ports.ts";
import type { VmPort } from "../../../engine/protocol/index.ts";
import { isAllAddresses, isOpenToOthers } from "../../run-configurations/published-port.ts";

export interface PortRow {
  protocol: VmPort["protocol"];
  guestPort: number;
  /** Absent: exposed, not published. */
  host?: { port: number; addresses: string[] };
}

export function portRows(ports: readonly VmPort[]): PortRow[] {
  const rows = new Map<string, PortRow>();
  for (const { protocol, guestPort, host } of [...ports].sort(comparePorts)) {
    const key = [protocol, guestPort, host?.port].join();
    const known = rows.get(key);
    if (known?.host !== undefined && host !== undefined) known.host.addresses.push(host.address);
    else if (host === undefined) rows.set(key, { protocol, guestPort });
    else rows.set(key, { protocol, guestPort, host: { port: host.port, addresses: [host.address] } });
  }
  return [...rows.values()];
}

/** `8080 → 80/tcp`, `80/tcp`. */
export function portLabel({ protocol, guestPort, host }: PortRow): string {
  const guest = `${guestPort}/${protocol}`;
  return host === undefined ? guest : `${host.port} → ${guest}`;
}

/** Addresses by which other machines reach it. */
export function openAddresses({ host }: PortRow): string[] {
  return host?.addresses.filter(isOpenToOthers) ?? [];
}

/** What one connects to from this machine: `localhost:8080`. Undefined if it is not published. */
export function portAddress({ host }: PortRow): string | undefined {
  if (host === undefined) return undefined;
  const { port, addresses } = host;
  const local = addresses.some((address) => isAllAddresses(address) || address === "127.0.0.1");
  return hostAndPort({ address: local ? "localhost" : (addresses[0] ?? "localhost"), port });
}

const tlsPorts = new Set([443, 8443]);

/** Undefined for what no browser opens. */
export function portUrl(row: PortRow): string | undefined {
  const address = portAddress(row);
  if (address === undefined || row.protocol !== "tcp") return undefined;
  return `${tlsPorts.has(row.guestPort) ? "https" : "http"}://${address}`;
}
