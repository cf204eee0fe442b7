/**
 * The grammar of `--network` and what belongs to it (docker/cli, opts.NetworkOpt, and run's
 * parseNetworkOpts).
 */
import { isIP } from "node:net";
import { MockerError } from "../protocol/errors.ts";
import type { Network, NetworkAttachment } from "../protocol/vm.ts";
import { parseMac } from "./ipv4.ts";

function invalid(message: string, hint?: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message, hint === undefined ? {} : { hint });
}

/** The networks that are none of a user's making. */
export function isPredefinedNetwork(name: string): boolean {
  return name === "bridge" || name === "host" || name === "none" || name === "default";
}

/** `NAME`, or `name=NAME[,alias=…][,ip=…][,mac-address=…]`. @throws Error with the reason alone */
export function parseNetworkFlag(text: string): NetworkAttachment {
  if (!text.includes("=")) return { network: text };
  let network: string | undefined;
  const aliases: string[] = [];
  const rest: Pick<NetworkAttachment, "address" | "mac"> = {};
  for (const field of text.split(",")) {
    const equals = field.indexOf("=");
    if (equals < 0) throw new Error(`invalid field ${field}`);
    const key = field.slice(0, equals).trim().toLowerCase();
    const value = field.slice(equals + 1).trim();
    if (key === "name") network = value;
    else if (key === "alias") aliases.push(value.toLowerCase());
    else if (key === "ip") rest.address = value;
    else if (key === "mac-address") rest.mac = value;
    else throw new Error(`invalid field key ${key}`);
  }
  if (!network) throw new Error("network name/id is not specified");
  return { network, ...(aliases.length > 0 ? { aliases } : {}), ...rest };
}

/** What the flags beside `--network` say, of the first network. */
export interface FirstNetworkFlags {
  aliases: readonly string[];
  address: string | undefined;
  mac: string | undefined;
  links: readonly string[];
}

/**
 * The network of `run` and `create`; undefined leaves it to the engine. @throws INVALID_ARGUMENT in Docker's
 * words
 */
export function networkOfFlags(
  flags: readonly NetworkAttachment[],
  { aliases, address, mac, links }: FirstNetworkFlags,
): Network | undefined {
  const [first = { network: "default" }, ...others] = flags;
  for (const attachment of flags) if (attachment.mac !== undefined) checkMac(attachment.mac);
  if (mac !== undefined) checkMac(mac);
  if (aliases.length > 0 && isPredefinedNetwork(first.network))
    throw invalid("network-scoped aliases are only supported for user-defined networks");
  if (first.aliases && aliases.length > 0)
    throw invalid("conflicting options: cannot specify both --network-alias and per-network alias");
  if (first.address && address)
    throw invalid("conflicting options: cannot specify both --ip and per-network IPv4 address");
  const names = flags.map(({ network }) => network);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`network "${twice}" is specified multiple times`);
  const isMode = (name: string): boolean =>
    ["host", "none", "tsi", "passt"].includes(name) || name.startsWith("container:");
  if (flags.length > 1 && names.some(isMode))
    throw invalid("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
  const whole: NetworkAttachment = {
    ...first,
    ...(aliases.length > 0 ? { aliases: [...aliases] } : {}),
    ...(address ? { address } : {}),
    ...(mac ? { mac } : {}),
    ...(links.length > 0 ? { links: [...links] } : {}),
  };
  if (flags.length === 0 && Object.keys(whole).length === 1) return undefined;
  return networkOf(whole, others);
}

/** A VM's network by the name of a mode or of a network. @throws INVALID_ARGUMENT */
export function networkOf(first: NetworkAttachment, others: readonly NetworkAttachment[] = []): Network {
  const { network } = first;
  if (network === "none" || network === "tsi" || network === "passt") {
    refuseSettings(first);
    return { mode: network };
  }
  if (network.startsWith("container:")) throw sharedNetwork();
  return { mode: "networks", attachments: [first, ...others] };
}

/** A VM's network as Docker's `NetworkMode`. */
export function networkModeName(network: Network): string {
  return network.mode === "networks" ? (network.attachments[0]?.network ?? "none") : network.mode;
}

/** Of a mode, where they would have no effect, as Docker refuses them of its own. @throws INVALID_ARGUMENT */
function refuseSettings({ network, aliases = [], address, mac, links = [] }: NetworkAttachment): void {
  if (aliases.length > 0)
    throw invalid("network-scoped aliases are only supported for user-defined networks");
  if (address !== undefined)
    throw invalid("user specified IP address is supported on user defined networks only");
  if (network === "none") return;
  if (mac !== undefined) throw invalid("conflicting options: mac-address and the network mode");
  if (links.length > 0) throw invalid(`conflicting options: ${network} networking can't be used with links`);
}

function sharedNetwork(): MockerError {
  return invalid(
    "a VM cannot have the network of another one: each VM has a kernel of its own",
    "Attach both to one network, mocker network create NAME: there they find each other by name.",
  );
}

function checkMac(mac: string): void {
  if (parseMac(mac) === undefined) throw invalid(`${mac} is not a valid mac address`);
}

/**
 * `HOST:IP` or `HOST=IP`; IP may be `host-gateway`.
 * @returns `HOST:IP` @throws Error with the reason alone
 */
export function parseExtraHost(text: string): string {
  const separator = /^[^=]*=/.test(text) ? text.indexOf("=") : text.indexOf(":");
  const name = text.slice(0, Math.max(0, separator));
  const address = text.slice(separator + 1).replace(/^\[(.*)\]$/, "$1");
  if (separator < 0 || name === "") throw new Error(`bad format for add-host: ${JSON.stringify(text)}`);
  if (address !== "host-gateway" && isIP(address) === 0)
    throw new Error(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  return `${name}:${address}`;
}

/** An argument of `--dns`. @throws Error with the reason alone */
export function parseDnsServer(text: string): string {
  if (isIP(text.trim()) === 0) throw new Error(`IP address is not correctly formatted: ${text}`);
  return text.trim();
}

/** An argument of `--dns-search`; `.` is none at all. @throws Error with the reason alone */
export function parseSearchDomain(text: string): string {
  const domain = text.trim();
  if (domain === ".") return domain;
  const label = "[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?";
  if (domain.length > 253 || !new RegExp(`^${label}(\\.${label})*\\.?$`).test(domain))
    throw new Error(`${text} is not a valid domain`);
  return domain;
}

/** `VM` or `VM:ALIAS`. @throws Error with the reason alone */
export function parseLink(text: string): { vm: string; alias: string } {
  const [vm = "", alias = vm, more] = text.split(":");
  if (more !== undefined || vm === "") throw new Error(`bad format for links: ${text}`);
  return { vm, alias: alias.replace(/^\//, "") };
}
