/** The flags of `run` and `create` about networks and ports. */
import {
  networkOfFlags,
  parseDnsServer,
  parseExtraHost,
  parseLink,
  parseNetworkFlag,
  parseSearchDomain,
} from "../../../../docker/network-options.ts";
import { parseExpose, parsePublish } from "../../../../docker/ports.ts";
import type { VmCreateParams } from "../../../../protocol/index.ts";
import { booleanFlag, type FlagValues, listFlag, stringFlag, textListFlag } from "../../../flags.ts";

const networkFlag = listFlag(undefined, "network", "Connect a container to a network", parseNetworkFlag);

export const networkFlags = {
  "add-host": listFlag(undefined, "list", "Add a custom host-to-IP mapping (host:ip)", parseExtraHost),
  dns: listFlag(undefined, "list", "Set custom DNS servers", parseDnsServer),
  "dns-option": textListFlag(undefined, "Set DNS options"),
  "dns-search": listFlag(undefined, "list", "Set custom DNS search domains", parseSearchDomain),
  domainname: stringFlag(undefined, "Container NIS domain name"),
  expose: textListFlag(undefined, "Expose a port or a range of ports"),
  ip: stringFlag(undefined, "IPv4 address (e.g., 172.30.100.104)"),
  link: listFlag(undefined, "list", "Add link to another container", (text) => {
    parseLink(text);
    return text;
  }),
  "mac-address": stringFlag(undefined, "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
  net: { ...networkFlag, isHidden: true },
  network: networkFlag,
  "network-alias": textListFlag(undefined, "Add network-scoped alias for the container"),
  publish: textListFlag("p", "Publish a container's port(s) to the host"),
  "publish-all": booleanFlag("P", "Publish all exposed ports to random ports"),
} as const;

/** The part of `vm/create`. Throws Error in Docker's words, or MockerError. */
export function networkParams(flags: FlagValues<typeof networkFlags>): Partial<VmCreateParams> {
  const params: Partial<VmCreateParams> = {};
  const network = networkOfFlags([...flags.net, ...flags.network], {
    aliases: flags["network-alias"],
    address: flags.ip,
    mac: flags["mac-address"],
    links: flags.link,
  });
  if (network !== undefined) params.network = network;
  const ports = flags.publish.flatMap(parsePublish);
  if (ports.length > 0) params.ports = ports;
  const exposed = flags.expose.flatMap(parseExpose);
  if (exposed.length > 0) params.exposedPorts = exposed;
  if (flags["publish-all"]) params.publishAll = true;
  if (flags["add-host"].length > 0) params.extraHosts = [...flags["add-host"]];
  if (flags.domainname) params.domainname = flags.domainname;
  const dns = {
    ...(flags.dns.length > 0 ? { servers: [...flags.dns] } : {}),
    ...(flags["dns-search"].length > 0 ? { search: [...flags["dns-search"]] } : {}),
    ...(flags["dns-option"].length > 0 ? { options: [...flags["dns-option"]] } : {}),
  };
  if (Object.keys(dns).length > 0) params.dns = dns;
  return params;
}
