/** The grammar of `-p` and `--expose`, and how ports are shown (docker/go-connections, nat). */
import { isIP, isIPv6 } from "node:net";
import { MockerError } from "../protocol/errors.ts";
import type { VmPort } from "../protocol/network.ts";
import type { PortBinding } from "../protocol/vm.ts";

type Protocol = PortBinding["protocol"];
type Range = [first: number, last: number];

function invalid(message: string, hint?: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message, hint === undefined ? {} : { hint });
}

/** `80` or `80-82`; undefined for what is neither. */
function parseRange(text: string): Range | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return last <= 65535 && first <= last ? [first, last] : undefined;
}

/** @throws INVALID_ARGUMENT */
function parseProtocol(text: string): Protocol {
  const protocol = text.toLowerCase();
  if (protocol === "tcp" || protocol === "udp") return protocol;
  if (protocol === "sctp")
    throw invalid("ports of the protocol sctp cannot be published", "Publish tcp or udp ports.");
  throw invalid(`invalid proto: ${text}`);
}

/**
 * `[[IP:][HOST]:]GUEST[/PROTOCOL]`, where HOST and GUEST may be ranges, or
 * `target=GUEST[,published=HOST][,protocol=PROTOCOL]`.
 * @throws INVALID_ARGUMENT in Docker's words
 */
export function parsePublish(text: string): PortBinding[] {
  const short = text.includes("=") ? fromFields(text) : text;
  const slash = short.indexOf("/");
  const withoutProtocol = slash < 0 ? short : short.slice(0, slash);
  const { address, host, guest } = splitPublish(withoutProtocol);
  if (guest === "") throw invalid(`no port specified: ${text}<empty>`);
  const guestPorts = parseRange(guest);
  if (!guestPorts || guestPorts[0] === 0) throw invalid(`invalid containerPort: ${guest}`);
  const hostPorts = host === "" ? undefined : parseRange(host);
  if (host !== "" && !hostPorts) throw invalid(`invalid hostPort: ${host}`);
  const protocol = parseProtocol(slash < 0 ? "tcp" : short.slice(slash + 1));
  if (address !== undefined && isIP(address) === 0) throw invalid(`invalid IP address: ${address}`);
  const [first, last] = guestPorts;
  const count = last - first;
  if (hostPorts && hostPorts[1] - hostPorts[0] !== count && count > 0) {
    throw invalid(`invalid ranges specified for container and host Ports: ${guest} and ${host}`);
  }
  return Array.from({ length: count + 1 }, (_, index) => ({
    protocol,
    guestPort: first + index,
    ...(address === undefined ? {} : { hostAddress: address }),
    ...hostPart(hostPorts, index, count === 0),
  }));
}

/** Port 0 is any that is free, and so is none. */
function hostPart(
  range: Range | undefined,
  index: number,
  isWholeRange: boolean,
): Pick<PortBinding, "hostPort" | "hostPortEnd"> {
  if (!range || range[0] === 0) return {};
  const [first, last] = range;
  if (isWholeRange && last > first) return { hostPort: first, hostPortEnd: last };
  return { hostPort: first + index };
}

/** The address may be one of IPv6, with colons in it, bracketed or not. */
function splitPublish(text: string): { address: string | undefined; host: string; guest: string } {
  const parts = text.split(":");
  const guest = parts.pop() ?? "";
  const host = parts.pop() ?? "";
  const address = parts.join(":").replace(/^\[(.*)\]$/, "$1");
  return { address: parts.length === 0 || address === "" ? undefined : address, host, guest };
}

const fieldNames = new Set(["target", "published", "protocol", "mode"]);

function fromFields(text: string): string {
  const fields = new Map<string, string>();
  for (const field of text.split(",")) {
    const equals = field.indexOf("=");
    const key = field.slice(0, Math.max(0, equals)).toLowerCase();
    if (equals < 0) throw invalid(`invalid field: ${field}`);
    if (!fieldNames.has(key)) throw invalid(`invalid field key ${key}`);
    fields.set(key, field.slice(equals + 1));
  }
  const published = fields.get("published");
  const protocol = fields.get("protocol");
  return `${published ? `${published}:` : ""}${fields.get("target") ?? ""}${protocol ? `/${protocol}` : ""}`;
}

/**
 * An argument of `--expose`, `80[-82][/PROTOCOL]`, as the ports that an image's `ExposedPorts` would have.
 * @throws INVALID_ARGUMENT in Docker's words
 */
export function parseExpose(text: string): string[] {
  if (text.includes(":")) throw invalid(`invalid port format for --expose: ${text}`);
  const [port = "", protocol = "tcp"] = text.split("/");
  const reason = (why: string): MockerError =>
    invalid(`invalid range format for --expose: ${text}, error: ${why}`);
  if (port === "") throw reason("empty string specified for ports");
  const [first = "", last = first] = port.split("-");
  for (const number of [first, last]) {
    if (!/^\d+$/.test(number))
      throw reason(`strconv.ParseUint: parsing ${JSON.stringify(number)}: invalid syntax`);
    if (Number(number) > 65535)
      throw reason(`strconv.ParseUint: parsing ${JSON.stringify(number)}: value out of range`);
  }
  if (Number(last) < Number(first)) throw reason(`invalid range specified for port: ${port}`);
  return Array.from(
    { length: Number(last) - Number(first) + 1 },
    (_, index) => `${Number(first) + index}/${protocol.toLowerCase()}`,
  );
}

/** The port and protocol of `80/tcp` or `80`; undefined for what is neither, and for other protocols. */
export function parsePort(text: string): { guestPort: number; protocol: Protocol } | undefined {
  const [port = "", protocol = "tcp"] = text.toLowerCase().split("/");
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535 || Number(port) === 0) return undefined;
  return protocol === "tcp" || protocol === "udp" ? { guestPort: Number(port), protocol } : undefined;
}

/** Docker's order: by guest port, host address, host port and protocol. */
export function comparePorts(a: VmPort, b: VmPort): number {
  const text = (x: string, y: string): number => (x < y ? -1 : x > y ? 1 : 0);
  return (
    a.guestPort - b.guestPort ||
    text(a.host?.address ?? "", b.host?.address ?? "") ||
    (a.host?.port ?? 0) - (b.host?.port ?? 0) ||
    text(a.protocol, b.protocol)
  );
}

/** `0.0.0.0:8080`, `[::]:8080`. */
export function hostAndPort({ address, port }: { address: string; port: number | string }): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

/** Ports that follow each other, of one protocol and host address. */
interface PortRun {
  address: string | undefined;
  protocol: Protocol;
  first: number;
  last: number;
}

function runText({ address, protocol, first, last }: PortRun): string {
  const text = first === last ? String(first) : `${first}-${last}`;
  return `${address === undefined ? "" : `${hostAndPort({ address, port: text })}->`}${text}/${protocol}`;
}

/**
 * Docker's PORTS column: `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp`. Ports that follow each other are one
 * range; published ones only where the host's are the guest's (docker/cli, formatter.DisplayablePorts).
 */
export function portsColumn(ports: readonly VmPort[]): string {
  const runs = new Map<string, PortRun>();
  const shown: string[] = [];
  const moved: string[] = [];
  for (const { guestPort, protocol, host } of [...ports].sort(comparePorts)) {
    if (host && host.port !== guestPort) {
      moved.push(`${hostAndPort(host)}->${guestPort}/${protocol}`);
      continue;
    }
    const key = `${host?.address ?? ""}/${protocol}`;
    const run = runs.get(key);
    if (run && run.last + 1 === guestPort) {
      run.last = guestPort;
      continue;
    }
    if (run) shown.push(runText(run));
    runs.set(key, { address: host?.address, protocol, first: guestPort, last: guestPort });
  }
  return [...shown, ...[...runs.values()].map(runText), ...moved].join(", ");
}
