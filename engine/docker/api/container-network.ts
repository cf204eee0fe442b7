/** Networks and ports of the body that creates a container. */
import type { NetworkAttachment, PortBinding, VmCreateParams } from "../../protocol/vm.ts";
import {
  networkOfFlags,
  parseDnsServer,
  parseExtraHost,
  parseLink,
  parseSearchDomain,
} from "../network-options.ts";
import { parseExpose, parsePort, parsePublish } from "../ports.ts";
import type { ContainerBody, EndpointSettingsBody, HostConfigBody } from "./container-body.ts";
import { checked, invalid, unavailable } from "./invalid.ts";

/** The part of `vm/create`. @throws INVALID_ARGUMENT in dockerd's words, FEATURE_UNAVAILABLE */
export function networkParams(body: ContainerBody): Partial<VmCreateParams> {
  const { HostConfig: host } = body;
  const network = networkOf(body);
  const ports = portsOf(host);
  const exposed = [
    ...body.ExposedPorts.flatMap(([port]) => parseExpose(port)),
    // As in Docker, a port of no bindings is exposed.
    ...host.PortBindings.flatMap(([port, bindings]) => (bindings.length === 0 ? parseExpose(port) : [])),
  ];
  const dns = {
    ...(host.Dns.length > 0 ? { servers: host.Dns.map((text) => checked(() => parseDnsServer(text))) } : {}),
    ...(host.DnsSearch.length > 0
      ? { search: host.DnsSearch.map((text) => checked(() => parseSearchDomain(text))) }
      : {}),
    ...(host.DnsOptions.length > 0 ? { options: host.DnsOptions } : {}),
  };
  return {
    ...(network === undefined ? {} : { network }),
    ...(ports.length > 0 ? { ports } : {}),
    ...(exposed.length > 0 ? { exposedPorts: [...new Set(exposed)] } : {}),
    ...(host.PublishAllPorts ? { publishAll: true } : {}),
    ...(host.ExtraHosts.length > 0
      ? { extraHosts: host.ExtraHosts.map((text) => checked(() => parseExtraHost(text))) }
      : {}),
    ...(body.Domainname === "" ? {} : { domainname: body.Domainname }),
    ...(Object.keys(dns).length > 0 ? { dns } : {}),
  };
}

/**
 * That of the mode, unless others alone are named and the mode is the default; and the others. The first has
 * the way out: by Docker's gateway priority, else that of the mode. Undefined leaves it to the engine.
 */
function networkOf(body: ContainerBody): VmCreateParams["network"] {
  const { HostConfig: host, MacAddress: mac } = body;
  if (body.NetworkDisabled) return { mode: "none" };
  const mode = plainName(host.NetworkMode || "default");
  const named = (body.NetworkingConfig?.EndpointsConfig ?? []).map(([name, settings]) => ({
    attachment: attachmentOf(plainName(name), settings),
    priority: settings?.GwPriority ?? 0,
  }));
  const main = named.filter(({ attachment }) => attachment.network === mode);
  const others = named.filter(({ attachment }) => attachment.network !== mode);
  if (main.length === 0 && (mode !== "default" || others.length === 0))
    main.push({ attachment: { network: mode }, priority: 0 });
  const attachments = [...main, ...others]
    .sort((a, b) => b.priority - a.priority)
    .map(({ attachment }) => attachment);
  const links = host.Links.map((text) => checked(() => link(text)));
  const [first, ...more] = attachments;
  const isDefault = more.length === 0 && first?.network === "default" && Object.keys(first).length === 1;
  const address = undefined;
  return networkOfFlags(isDefault ? [] : attachments, { aliases: [], address, mac: mac || undefined, links });
}

/** The default network goes by both names. */
function plainName(name: string): string {
  return name === "bridge" ? "default" : name;
}

/** As it was given, or as `inspect` tells it: `/db:/web/alias`. */
function link(text: string): string {
  const { vm, alias } = parseLink(text);
  return `${vm.replace(/^\//, "")}:${alias.replace(/^.*\//, "")}`;
}

/** How a VM is in one network. @throws FEATURE_UNAVAILABLE */
export function attachmentOf(
  network: string,
  settings: EndpointSettingsBody | null | undefined,
): NetworkAttachment {
  if (!settings) return { network };
  const { Aliases, DriverOpts, IPAMConfig, Links, MacAddress } = settings;
  if (IPAMConfig?.IPv6Address) throw unavailable("IPv6Address", "networks of VMs are IPv4 networks");
  if ((IPAMConfig?.LinkLocalIPs ?? []).length > 0)
    throw unavailable("LinkLocalIPs", "a VM has one address in each of its networks");
  const [option] = Object.keys(DriverOpts);
  if (option !== undefined)
    throw unavailable(`driver option ${option}`, "the endpoints of a network have none");
  return {
    network,
    ...(Aliases.length > 0 ? { aliases: Aliases } : {}),
    ...(IPAMConfig?.IPv4Address ? { address: IPAMConfig.IPv4Address } : {}),
    ...(MacAddress === "" ? {} : { mac: MacAddress }),
    ...(Links.length > 0 ? { links: Links.map((text) => checked(() => link(text))) } : {}),
  };
}

/** As Docker has them: an empty address is every one, no port and 0 any that is free. */
function portsOf(host: HostConfigBody): PortBinding[] {
  return host.PortBindings.flatMap(([key, bindings]) => {
    if (parsePort(key) === undefined && !key.endsWith("/sctp"))
      throw invalid(`invalid port specification: ${JSON.stringify(key)}`);
    return bindings.flatMap(({ HostIp: address, HostPort: port }) => {
      if (!/^(?:\d{1,5}(?:-\d{1,5})?(?:\/\w+)?)?$/.test(port))
        throw invalid(`invalid port specification: ${JSON.stringify(port)}`);
      const bracketed = address.includes(":") ? `[${address}]` : address;
      return parsePublish(`${bracketed}:${port.replace(/\/.*$/, "")}:${key}`);
    });
  });
}
