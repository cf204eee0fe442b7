/** What `docker inspect` says of a container's networks and ports, and of networks. */
import type { NetworkDetails, VmDetails, VmEndpoint } from "../protocol/index.ts";
import { networkModeName } from "./network-options.ts";
import { comparePorts } from "./ports.ts";

type GoMap = Map<string, unknown>;

/** The part of `HostConfig`. */
export function hostConfigNetwork(config: VmDetails["config"]): Record<string, unknown> {
  const bindings = new Map<string, Record<string, string>[]>();
  for (const { protocol, guestPort, hostAddress, hostPort, hostPortEnd } of config.ports) {
    const port = hostPort === undefined ? "" : String(hostPort);
    const key = `${guestPort}/${protocol}`;
    const list = bindings.get(key) ?? [];
    list.push({
      HostIp: hostAddress ?? "",
      HostPort: hostPortEnd === undefined ? port : `${port}-${hostPortEnd}`,
    });
    bindings.set(key, list);
  }
  return {
    NetworkMode: networkModeName(config.network),
    PortBindings: bindings,
    Links: linksOf(config),
    Dns: config.dns.servers ?? [],
    DnsOptions: config.dns.options ?? [],
    DnsSearch: config.dns.search ?? [],
    ExtraHosts: config.extraHosts.length === 0 ? null : config.extraHosts,
    PublishAllPorts: config.publishAll,
  };
}

/** `NetworkSettings`. */
export function networkSettings(vm: VmDetails): Record<string, unknown> {
  const bridge = vm.endpoints.find(({ network }) => network === "bridge");
  const none = vm.config.network.mode === "none" ? [noNetwork] : [];
  return {
    Bridge: "",
    SandboxID: "",
    SandboxKey: "",
    Ports: portsMap(vm),
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    // Docker's older members, of the default network.
    EndpointID: bridge?.endpointId ?? "",
    Gateway: gatewayOf(bridge),
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    IPAddress: bridge?.address ?? "",
    IPPrefixLen: bridge?.prefixLength ?? 0,
    IPv6Gateway: "",
    MacAddress: bridge?.mac ?? "",
    Networks: new Map([...vm.endpoints, ...none].map((one) => [one.network, endpointSettings(one)])),
  };
}

const noNetwork: VmEndpoint = { network: "none", networkId: "", aliases: [], links: [] };

function gatewayOf(endpoint: VmEndpoint | undefined): string {
  return endpoint?.gateway ?? "";
}

/** Docker's EndpointSettings. */
function endpointSettings(endpoint: VmEndpoint): Record<string, unknown> {
  const { aliases, links, names = [], wantedAddress } = endpoint;
  return {
    IPAMConfig: wantedAddress === undefined ? null : { IPv4Address: wantedAddress },
    Links: links.length === 0 ? null : links,
    Aliases: aliases.length === 0 ? null : aliases,
    MacAddress: endpoint.mac ?? endpoint.wantedMac ?? "",
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.endpointId ?? "",
    Gateway: gatewayOf(endpoint),
    IPAddress: endpoint.address ?? "",
    IPPrefixLen: endpoint.prefixLength ?? 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    DNSNames: names.length === 0 ? null : names,
  };
}

function linksOf({ network }: VmDetails["config"]): string[] | null {
  const links = network.mode === "networks" ? network.attachments.flatMap((one) => one.links ?? []) : [];
  return links.length === 0 ? null : links;
}

/** By `80/tcp`: where the host has it, null for a port that is only exposed. */
function portsMap({ ports }: VmDetails): GoMap {
  const map = new Map<string, Record<string, string>[] | null>();
  for (const { guestPort, protocol, host } of [...ports].sort(comparePorts)) {
    const key = `${guestPort}/${protocol}`;
    const known = map.get(key) ?? null;
    map.set(key, host ? [...(known ?? []), { HostIp: host.address, HostPort: String(host.port) }] : known);
  }
  return map;
}

/** Docker's object of `docker network inspect`, plus what is Mocker's own under `Mocker`. */
export function networkObject(network: NetworkDetails): Record<string, unknown> {
  const { subnet, gateway, ipRange } = network;
  const config = {
    Subnet: subnet,
    ...(ipRange === undefined ? {} : { IPRange: ipRange }),
    Gateway: gateway,
  };
  return {
    Name: network.name,
    Id: network.id,
    Created: network.createdAt,
    Scope: "local",
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: {
      Driver: "default",
      Options: subnet === "" ? null : new Map(),
      Config: subnet === "" ? null : [config],
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: new Map(
      network.endpoints.map(({ vm, name, endpointId, mac, address, prefixLength }) => [
        vm,
        {
          Name: name,
          EndpointID: endpointId,
          MacAddress: mac,
          IPv4Address: `${address}/${prefixLength}`,
          IPv6Address: "",
        },
      ]),
    ),
    Options: new Map(Object.entries(network.options)),
    Labels: new Map(Object.entries(network.labels)),
    Mocker: network,
  };
}
