import { parseLink } from "../../docker/network-options.ts";
import { parsePort } from "../../docker/ports.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { VmPort } from "../../protocol/network.ts";
import type { Dns, NetworkAttachment, Network as NetworkChoice, PortBinding } from "../../protocol/vm.ts";
import { type Endpoint, type EndpointRecord, endpointRecord, type Member } from "./endpoint.ts";
import type { Network } from "./network.ts";
import { openPasst, type PasstLaunch, passtResolver } from "./passt.ts";

/** What a VM's configuration says of its networks. */
export interface ConnectionConfig {
  network: NetworkChoice;
  dns: Dns;
  /** `NAME:ADDRESS` */
  extraHosts: readonly string[];
  /** `80/tcp` */
  exposedPorts: readonly string[];
  publishAll: boolean;
  ports: readonly PortBinding[];
}

/** A network card, for the monitor: of a network's process, or of a passt that the monitor starts. */
export type Card = { networkName: string; mac: string } & (
  | { socketPath: string; endpointId: string }
  | { passt: PasstLaunch }
);

/** The same for the guest agent. */
export interface CardInterface {
  mac: string;
  address: string;
  gateway?: string;
  mtu: number;
}

const hostGateway = "host-gateway";

interface Place {
  /** Absent: passt, which is this VM's alone. */
  network?: Network;
  /** Of a VM that this engine starts. */
  passt?: PasstLaunch;
  endpoint: Endpoint;
}

/** A VM's ends in its networks, from its start to its end; one card for each. */
export class Connection {
  readonly #places: Place[];
  /** Addresses and names of the VMs that it is linked to. */
  readonly #links: [string, string][];

  private constructor(places: Place[], links: [string, string][]) {
    this.#places = places;
    this.#links = links;
  }

  /**
   * Joins a VM to all of its networks, or to none. @throws PORT_IN_USE, NETWORK_FAILED, INVALID_ARGUMENT
   */
  static async open(
    vm: Member,
    config: ConnectionConfig,
    attached: readonly { network: Network; attachment: NetworkAttachment }[],
  ): Promise<Connection> {
    const places: Place[] = [];
    const wayOut = attached.find(({ network }) => !network.record.internal)?.network;
    if (wantsHost(config) && !wayOut) {
      throw new MockerError("INVALID_ARGUMENT", "unable to derive the IP value for host-gateway", {
        hint: "An internal network has no way to the host.",
      });
    }
    const onDefaultOnly = attached.every(({ network }) => network.isDefault);
    const links = attached.flatMap(({ network, attachment }) =>
      (attachment.links ?? []).flatMap((link) => linkedNames(network, vm, link)),
    );
    try {
      for (const { network, attachment } of attached) {
        const isDefaultRoute = network === wayOut;
        const endpoint = await network.join({
          vm,
          attachment,
          ports: isDefaultRoute ? portsOf(config) : [],
          isDefaultRoute,
          hostGateway: wantsHost(config) && isDefaultRoute,
          upstream: onDefaultOnly ? [] : (config.dns.servers ?? []),
          otherResolvers: attached.length > 1,
        });
        places.push({ network, endpoint });
      }
      return new Connection(places, links);
    } catch (error) {
      await new Connection(places, []).close();
      throw error;
    }
  }

  /** Of a VM with a passt of its own. @throws FEATURE_UNAVAILABLE */
  static async openPasst(
    vm: Member,
    config: ConnectionConfig,
    defaultHostAddress: string,
  ): Promise<Connection> {
    const { endpoint, launch } = await openPasst(vm, portsOf(config), defaultHostAddress, wantsHost(config));
    return new Connection([{ endpoint, passt: launch }], []);
  }

  /** That of a VM which a previous engine started. */
  static async adopt(
    vm: Member,
    records: readonly EndpointRecord[],
    networkOf: (id: string) => Network | undefined,
  ): Promise<Connection> {
    const places: Place[] = [];
    for (const record of records) {
      if (record.networkId === "") places.push({ endpoint: { ...record, vm, problem: undefined } });
      const network = networkOf(record.networkId);
      if (network) places.push({ network, endpoint: await network.adopt(vm, record) });
    }
    return new Connection(places, []);
  }

  get endpoints(): Endpoint[] {
    return this.#places.map(({ endpoint }) => endpoint);
  }

  /** What the next engine needs to know of it. */
  records(): EndpointRecord[] {
    return this.endpoints.map(endpointRecord);
  }

  cards(): Card[] {
    return this.#places.flatMap(({ network, passt, endpoint }): Card[] => {
      const { network: networkName, endpointId, mac } = endpoint;
      if (passt) return [{ networkName, mac, passt }];
      return network ? [{ networkName, mac, endpointId, socketPath: network.process.cardSocketPath }] : [];
    });
  }

  interfaces(): CardInterface[] {
    return this.endpoints.map(({ mac, address, prefixLength, gateway, mtu, isDefaultRoute }) => ({
      mac,
      address: `${address}/${prefixLength}`,
      ...(isDefaultRoute ? { gateway } : {}),
      mtu,
    }));
  }

  /**
   * The guest's resolvers: those of its networks, that of the way out first. On the default network, where
   * there are no names to be found, the user's own are asked directly.
   */
  nameservers({ servers = [] }: Dns): string[] {
    if (servers.length > 0 && this.#places.every(({ network }) => !network || network.isDefault))
      return servers;
    const sorted = [...this.endpoints].sort((a, b) => Number(b.isDefaultRoute) - Number(a.isDefaultRoute));
    return sorted.map(({ networkId, gateway }) => (networkId === "" ? passtResolver : gateway));
  }

  /** The lines of /etc/hosts beside the guest's own: the user's, and the VMs that it is linked to. */
  hosts(extraHosts: readonly string[]): [address: string, name: string][] {
    const gateway = this.endpoints.find(({ isDefaultRoute }) => isDefaultRoute)?.gateway ?? "";
    return [...hostLines(extraHosts, gateway), ...this.#links];
  }

  /** The ports that are published, and the others that are exposed. */
  ports(exposedPorts: readonly string[]): VmPort[] {
    const published = this.endpoints.flatMap(({ ports }) =>
      ports.map(({ protocol, guestPort, hostAddress, hostPort }) => ({
        protocol,
        guestPort,
        host: { address: hostAddress, port: hostPort },
      })),
    );
    const exposed = exposedPorts.flatMap((text) => parsePort(text) ?? []);
    const isPublished = (one: VmPort): boolean =>
      published.some((other) => other.guestPort === one.guestPort && other.protocol === one.protocol);
    return [...published, ...exposed.filter((one) => !isPublished(one))];
  }

  /** The VM's end in a network. */
  find(network: Network): Endpoint | undefined {
    return this.#places.find((place) => place.network === network)?.endpoint;
  }

  /** Leaves all networks; the errors of those that cannot be told are theirs. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#places.map(({ network, endpoint }) => network?.leave(endpoint)));
  }
}

function wantsHost({ extraHosts }: ConnectionConfig): boolean {
  return extraHosts.some((host) => host.endsWith(`:${hostGateway}`));
}

/** Lines of /etc/hosts of `NAME:ADDRESS`; `gateway` is where the host is. */
export function hostLines(extraHosts: readonly string[], gateway: string): [string, string][] {
  return extraHosts.map((text) => {
    const colon = text.indexOf(":");
    const address = text.slice(colon + 1);
    return [address === hostGateway ? gateway : address, text.slice(0, colon)];
  });
}

/** The ports to be published: those that were named, and with `-P` every other that is exposed. */
function portsOf({ ports, publishAll, exposedPorts }: ConnectionConfig): PortBinding[] {
  if (!publishAll) return [...ports];
  const isNamed = (one: { protocol: string; guestPort: number }): boolean =>
    ports.some(({ protocol, guestPort }) => protocol === one.protocol && guestPort === one.guestPort);
  return [...ports, ...exposedPorts.flatMap((text) => parsePort(text) ?? []).filter((one) => !isNamed(one))];
}

/** The names of a VM that runs in the same network, for one that is linked to it. */
function linkedNames(network: Network, vm: Member, link: string): [string, string][] {
  const { vm: wanted, alias } = parseLink(link);
  const name = wanted.replace(/^\//, "");
  const found =
    network.endpoints.find((endpoint) => endpoint.vm.name === name) ??
    network.endpoints.find((endpoint) => endpoint.vm.id.startsWith(name));
  if (!found) {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `Cannot link to a non running container: /${name} AS /${vm.name}/${alias}`,
      { hint: `A link needs a VM that runs in the network ${network.name}.` },
    );
  }
  return [...new Set([alias, found.vm.id.slice(0, 12), found.vm.name])].map((one) => [found.address, one]);
}
