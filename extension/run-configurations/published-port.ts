/** Published ports as run configurations have them: the words of Docker's `-p`. */
import { isIPv6 } from "node:net";
import { parsePublish } from "../../engine/docker/ports.ts";
import { MockerError, type PortBinding } from "../../engine/protocol/index.ts";

/** Where a port is published for this machine alone. */
export const loopback = "127.0.0.1";

/** What is wrong with an argument of `-p`, in Docker's words; undefined if nothing is. */
export function publishProblem(text: string): string | undefined {
  try {
    parsePublish(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof MockerError)) throw error;
    return error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
  }
}

/** Whether other machines reach what is published on an address of the host; none is all of them. */
export function isOpenToOthers(address: string | undefined): boolean {
  return address !== "::1" && !address?.startsWith("127.");
}

/** Whether an address of the host stands for all of them. */
export function isAllAddresses(address: string | undefined): boolean {
  return address === undefined || address === "" || address === "0.0.0.0" || address === "::";
}

/** The same ports on another address of the host; undefined: on Docker's default, which is all. */
export function withHostAddress(text: string, address: string | undefined): string {
  return publishText(
    parsePublish(text).map(({ hostAddress: _, ...binding }) =>
      address === undefined ? binding : { ...binding, hostAddress: address },
    ),
  );
}

/** `[ADDRESS:][HOST:]GUEST[/udp]` of ports that came from one such text. */
function publishText(bindings: readonly PortBinding[]): string {
  const first = bindings[0];
  const last = bindings.at(-1);
  if (first === undefined || last === undefined) return "";
  const { hostAddress, hostPort, protocol } = first;
  const host = hostPort === undefined ? "" : range(hostPort, last.hostPortEnd ?? last.hostPort ?? hostPort);
  const guest = range(first.guestPort, last.guestPort);
  const address = hostAddress !== undefined && isIPv6(hostAddress) ? `[${hostAddress}]` : hostAddress;
  const published = address === undefined ? (host === "" ? "" : `${host}:`) : `${address}:${host}:`;
  return `${published}${guest}${protocol === "tcp" ? "" : `/${protocol}`}`;
}

function range(first: number, last: number): string {
  return first === last ? String(first) : `${first}-${last}`;
}

/** `8080 → 80/tcp`; `? → 80/tcp` where any free port of the host will do. */
export function publishLabel(text: string): string {
  const [whole = "", protocol = "tcp"] = withHostAddress(text, undefined).split("/");
  const parts = whole.split(":");
  const guest = parts.pop() ?? "";
  return `${parts.pop() ?? "?"} → ${guest}/${protocol}`;
}

/** Ports up to here are the administrator's (ip_unprivileged_port_start). */
const firstOrdinaryPort = 1024;
const ordinaryOffset = 8000;

/** A port of the host for one of the guest: the same, or 8080 for 80; the next that is not taken. */
export async function suggestHostPort(
  guestPort: number,
  isTaken: (port: number) => boolean | Promise<boolean>,
): Promise<number> {
  const begin = guestPort < firstOrdinaryPort ? guestPort + ordinaryOffset : guestPort;
  for (let port = begin; port <= 65_535; port++) if (!(await isTaken(port))) return port;
  return begin;
}

/** The port of the host that two such texts both want; undefined if there is none. */
export function clashOf(texts: readonly string[]): number | undefined {
  const seen: PortBinding[] = [];
  for (const binding of texts.flatMap(parsePublish)) {
    const { hostPort, hostPortEnd, protocol, hostAddress } = binding;
    const clashes = (other: PortBinding): boolean =>
      other.hostPort === hostPort &&
      other.protocol === protocol &&
      (other.hostAddress === hostAddress || isAllAddresses(other.hostAddress) || isAllAddresses(hostAddress));
    // One of a range finds another one.
    if (hostPort === undefined || hostPortEnd !== undefined) continue;
    if (seen.some(clashes)) return hostPort;
    seen.push(binding);
  }
  return undefined;
}
