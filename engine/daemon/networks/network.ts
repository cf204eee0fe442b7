import { randomBytes } from "node:crypto";
import {
  contains,
  formatIpv4,
  macOf,
  parseIpv4,
  parseMac,
  parseSubnet,
  type Subnet,
} from "../../docker/ipv4.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { NetworkDetails } from "../../protocol/network.ts";
import type { NetworkAttachment, PortBinding } from "../../protocol/vm.ts";
import { freeAddress } from "./address-pools.ts";
import type { Endpoint, EndpointRecord, Member } from "./endpoint.ts";
import { type EndpointStatus, NetdError, type PortRequest } from "./netd-client.ts";
import type { NetdLauncher } from "./netd-launcher.ts";
import { hostAddressOption, NetworkProcess } from "./network-process.ts";
import type { NetworkRecord } from "./network-record.ts";
import { failedPort, type HostPort, portOfHost, portOfVm } from "./port-conflict.ts";

/** How often addresses that the network's process says are taken are passed over. */
const maxAddressTries = 16;

/** What a network needs of the others. */
export interface NetworkHost {
  runDir: string;
  launcher: NetdLauncher;
  /** The addresses that VMs are made for, whether they run or not. */
  wantedAddresses(network: string): string[];
  /** Which VM has a host port. */
  holderOf(port: HostPort): Member | undefined;
  /** Where ports are published that name no address; empty: on all. */
  defaultHostAddress(): string;
  /** Its process has ended under its endpoints. */
  lost(network: Network): void;
}

/** What a VM joins a network with. */
export interface JoinOptions {
  vm: Member;
  attachment: NetworkAttachment;
  ports: readonly PortBinding[];
  isDefaultRoute: boolean;
  /** The guest may reach the host, at the gateway's address. */
  hostGateway: boolean;
  /** Resolvers that the network's asks for this VM; empty: the host's. */
  upstream: readonly string[];
  /** The guest asks the resolvers of other networks, too. */
  otherResolvers: boolean;
}

/** One network: its record, its process, and the VMs that are in it now. */
export class Network {
  readonly record: NetworkRecord;
  readonly process: NetworkProcess;
  readonly #host: NetworkHost;
  readonly #subnet: Subnet;
  readonly #endpoints = new Map<string, Endpoint>();
  #adopted: Promise<EndpointStatus[] | undefined> | undefined;

  constructor(record: NetworkRecord, host: NetworkHost) {
    this.record = record;
    this.#host = host;
    this.#subnet = subnetOf(record.subnet);
    this.process = new NetworkProcess({
      record,
      runDir: host.runDir,
      launcher: host.launcher,
      onDisconnect: () => void this.#reconcile(),
      onEndpointRemoved: (endpointId) => {
        const endpoint = this.#endpoints.get(endpointId);
        if (endpoint) Object.assign(endpoint, { problem: "its card was disconnected", ports: [] });
      },
    });
  }

  get id(): string {
    return this.record.id;
  }
  get name(): string {
    return this.record.name;
  }
  get subnet(): Subnet {
    return this.#subnet;
  }
  get endpoints(): Endpoint[] {
    return [...this.#endpoints.values()];
  }
  /** The network that VMs are in when nobody says anything: names mean nothing there. */
  get isDefault(): boolean {
    return this.name === "bridge";
  }

  /**
   * Checks what can be checked before a start. @throws INVALID_ARGUMENT in Docker's words
   */
  check({ aliases = [], address, mac }: NetworkAttachment): void {
    if (this.isDefault && aliases.length > 0)
      throw invalid("network-scoped aliases are only supported for user-defined networks");
    if (this.isDefault && address !== undefined) throw invalid(addressMistakes(address));
    if (address !== undefined) this.#checkedAddress(address);
    if (mac !== undefined && parseMac(mac) === undefined) throw invalid(`${mac} is not a valid mac address`);
  }

  /** Makes a VM's endpoint, with its ports bound. @throws PORT_IN_USE, NETWORK_FAILED, INVALID_ARGUMENT */
  async join(options: JoinOptions): Promise<Endpoint> {
    const { vm, attachment, isDefaultRoute } = options;
    this.check(attachment);
    const passedOver = new Set<number>();
    for (;;) {
      const number = this.#chooseAddress(attachment, passedOver);
      const endpoint: Endpoint = {
        vm,
        network: this.name,
        networkId: this.id,
        endpointId: randomBytes(32).toString("hex"),
        mac: (attachment.mac && parseMac(attachment.mac)) ?? macOf(number),
        address: formatIpv4(number),
        prefixLength: this.#subnet.bits,
        gateway: this.record.gateway,
        mtu: this.process.mtu,
        isDefaultRoute,
        names: this.isDefault ? [] : namesOf(vm, attachment),
        ports: [],
        problem: undefined,
      };
      // From here on the address is taken, and the network in use.
      this.#endpoints.set(endpoint.endpointId, endpoint);
      try {
        endpoint.ports = await this.#add(endpoint, options);
        endpoint.problem = undefined;
        return endpoint;
      } catch (error) {
        this.#endpoints.delete(endpoint.endpointId);
        if (!(error instanceof NetdError)) throw error;
        // Somebody is there whom this engine knows nothing of.
        const mayChoose = attachment.address === undefined && passedOver.size < maxAddressTries;
        if (error.code !== "ADDRESS_IN_USE" || !mayChoose) throw failedJoin(this.name, error);
        passedOver.add(number);
      }
    }
  }

  /** Takes over the endpoint of a VM that a previous engine started. */
  async adopt(vm: Member, record: EndpointRecord): Promise<Endpoint> {
    const endpoint: Endpoint = { ...record, vm, problem: undefined };
    this.#endpoints.set(endpoint.endpointId, endpoint);
    try {
      // One question for all VMs of a previous engine: a process that does not answer is waited for once.
      this.#adopted ??= this.process.status();
      const status = await this.#adopted;
      const found = status?.find(({ endpointId }) => endpointId === endpoint.endpointId);
      endpoint.ports = found?.up ? found.ports : [];
      if (!found) this.#lose([endpoint]);
      else if (!found.up) endpoint.problem = disconnected;
    } catch (error) {
      endpoint.problem = error instanceof Error ? error.message : String(error);
    }
    return endpoint;
  }

  /**
   * Removes the endpoints of VMs that a previous engine did not live to start, once those that run are
   * adopted: their addresses and ports are free again. @throws NETWORK_FAILED
   */
  async removeOrphans(): Promise<void> {
    if (!this.process.runs) return;
    for (const { endpointId, connected } of (await this.process.status()) ?? [])
      if (!connected && !this.#endpoints.has(endpointId)) await this.process.removeEndpoint(endpointId);
  }

  async leave({ endpointId }: Endpoint): Promise<void> {
    if (!this.#endpoints.delete(endpointId)) return;
    await this.process.removeEndpoint(endpointId);
  }

  /** Plugs an unplugged card in again, with the names that it is to have now. @throws NETWORK_FAILED */
  async plugIn(endpoint: Endpoint, attachment: NetworkAttachment): Promise<void> {
    endpoint.names = this.isDefault ? [] : namesOf(endpoint.vm, attachment);
    await this.process.updateEndpoint(endpoint.endpointId, { up: true, names: endpoint.names });
    endpoint.problem = undefined;
    const status = await this.process.status();
    endpoint.ports = status?.find(({ endpointId }) => endpointId === endpoint.endpointId)?.ports ?? [];
  }

  /** Its VM has another name. @throws NETWORK_FAILED */
  async rename(endpoint: Endpoint, attachment: NetworkAttachment): Promise<void> {
    if (this.isDefault) return;
    endpoint.names = namesOf(endpoint.vm, attachment);
    await this.process.updateEndpoint(endpoint.endpointId, { names: endpoint.names });
  }

  /** No frames, no names, no ports, until it is plugged in again. @throws NETWORK_FAILED */
  async unplug(endpoint: Endpoint): Promise<void> {
    await this.process.updateEndpoint(endpoint.endpointId, { up: false });
    endpoint.problem = disconnected;
    endpoint.ports = [];
  }

  details(): NetworkDetails {
    const { version: _version, ...record } = this.record;
    const pid = this.process.pid;
    const isLost = this.endpoints.some(({ problem }) => problem !== undefined && problem !== disconnected);
    return {
      ...record,
      endpoints: this.endpoints
        .filter(({ problem }) => problem !== disconnected)
        .map(({ vm, endpointId, mac, address, prefixLength }) => ({
          vm: vm.id,
          name: vm.name,
          endpointId,
          mac,
          address,
          prefixLength,
        })),
      ...(pid === undefined ? {} : { pid }),
      ...(isLost ? { problem: "VMs have lost it: they find it again when they are started anew" } : {}),
    };
  }

  async #add(endpoint: Endpoint, options: JoinOptions): Promise<PortRequest[]> {
    const ports = options.ports.map((binding) => this.#portRequest(binding));
    for (;;) {
      for (const [index, port] of ports.entries()) {
        if (port.hostPort === 0) continue;
        for (;;) {
          const holder = this.#host.holderOf(port);
          if (!holder) break;
          if (!advance(port, options.ports[index])) throw portOfVm(endpoint, port, holder);
        }
      }
      try {
        return await this.process.addEndpoint({
          endpointId: endpoint.endpointId,
          mac: endpoint.mac,
          address: endpoint.address,
          names: endpoint.names,
          ...(options.hostGateway ? { hostGateway: true } : {}),
          ...(options.upstream.length > 0 ? { upstream: [...options.upstream] } : {}),
          ...(options.otherResolvers ? { otherResolvers: true } : {}),
          ...(ports.length > 0 ? { ports } : {}),
        });
      } catch (error) {
        if (!(error instanceof NetdError) || !error.code.startsWith("PORT_")) throw error;
        const port = failedPort(ports, error);
        const isTried =
          port && error.code === "PORT_IN_USE" && advance(port, options.ports[ports.indexOf(port)]);
        if (isTried) continue;
        const holder = port && this.#host.holderOf(port);
        throw holder ? portOfVm(endpoint, port, holder) : await portOfHost(endpoint, ports, error);
      }
    }
  }

  #portRequest({ protocol, guestPort, hostAddress, hostPort = 0 }: PortBinding): PortRequest {
    const address = hostAddress ?? hostAddressOption(this.record) ?? this.#host.defaultHostAddress();
    return { protocol, guestPort, hostAddress: address, hostPort };
  }

  #chooseAddress({ address }: NetworkAttachment, passedOver: ReadonlySet<number>): number {
    const inUse = new Set(this.endpoints.map((endpoint) => parseIpv4(endpoint.address)));
    if (address !== undefined) {
      const wanted = this.#checkedAddress(address);
      if (inUse.has(wanted)) throw invalid("Address already in use");
      return wanted;
    }
    const gateway = parseIpv4(this.record.gateway);
    const wanted = new Set(this.#host.wantedAddresses(this.name).map(parseIpv4));
    const range = this.record.ipRange === undefined ? this.#subnet : subnetOf(this.record.ipRange);
    return freeAddress(
      this.#subnet,
      range,
      (one) => one === gateway || inUse.has(one) || wanted.has(one) || passedOver.has(one),
    );
  }

  #checkedAddress(text: string): number {
    const address = parseIpv4(text);
    if (address === undefined) throw invalid(`invalid IPv4 address: ${text}`);
    if (!contains(this.#subnet, address)) {
      throw invalid(
        `no configured subnet contains IP address ${text}`,
        `The network ${this.name} has the subnet ${this.record.subnet}.`,
      );
    }
    if (address === parseIpv4(this.record.gateway)) throw invalid("Address already in use");
    return address;
  }

  /** Finds out which endpoints are left after the connection to the process has ended. */
  async #reconcile(): Promise<void> {
    const before = this.endpoints;
    if (before.length === 0) return;
    const status = await this.process.status().catch(() => undefined);
    const isThere = ({ endpointId }: Endpoint): boolean =>
      status?.some((other) => other.endpointId === endpointId) ?? false;
    this.#lose(before.filter((endpoint) => this.#endpoints.has(endpoint.endpointId) && !isThere(endpoint)));
  }

  #lose(endpoints: readonly Endpoint[]): void {
    if (endpoints.length === 0) return;
    for (const endpoint of endpoints) {
      endpoint.problem = `the process of the network ${this.name} has ended`;
      endpoint.ports = [];
    }
    this.#host.lost(this);
  }
}

const disconnected = "disconnected";

/** A VM's endpoint that was unplugged by the user. */
export function isDisconnected({ problem }: Endpoint): boolean {
  return problem === disconnected;
}

/** Takes the next port of a binding's range; false when there is none. */
function advance(port: PortRequest, binding: PortBinding | undefined): boolean {
  if (port.hostPort >= (binding?.hostPortEnd ?? 0)) return false;
  port.hostPort++;
  return true;
}

/** As Docker has them: the VM's name, the aliases, and the short ID. */
function namesOf(vm: Member, { aliases = [] }: NetworkAttachment): string[] {
  return [...new Set([vm.name, ...aliases, vm.id.slice(0, 12)])];
}

function subnetOf(text: string): Subnet {
  const subnet = parseSubnet(text);
  if (!subnet) throw new MockerError("STATE_CORRUPT", `${text} is no subnet`);
  return subnet;
}

/** Why a VM has no address of its choice in the default network: all reasons, as Docker tells them. */
function addressMistakes(address: string): string {
  const isAddress = parseIpv4(address) !== undefined;
  const reasons = [
    "user specified IP address is supported on user defined networks only",
    ...(isAddress ? [] : [`invalid IPv4 address: ${address}`]),
    "user specified IP address is supported only when connecting to networks with user configured subnets",
  ];
  return `invalid endpoint settings:\n${reasons.map((reason) => `* ${reason}`).join("\n")}`;
}

function failedJoin(network: string, error: NetdError): MockerError {
  if (error.code === "ADDRESS_IN_USE") return invalid("Address already in use");
  return new MockerError("NETWORK_FAILED", `network ${network} does not work: ${error.message}`);
}

function invalid(message: string, hint?: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message, hint === undefined ? {} : { hint });
}
