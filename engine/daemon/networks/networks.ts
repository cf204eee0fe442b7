import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { matchesLabel, parseFilterBoolean, pruneCondition } from "../../docker/filters.ts";
import {
  contains,
  formatIpv4,
  formatSubnet,
  overlap,
  parseIpv4,
  parseSubnet,
  type Subnet,
} from "../../docker/ipv4.ts";
import { isPredefinedNetwork } from "../../docker/network-options.ts";
import { parsePruneTime } from "../../docker/times.ts";
import { MockerError } from "../../protocol/errors.ts";
import type {
  NetworkChange,
  NetworkCreateResult,
  NetworkDetails,
  NetworkPruneResult,
} from "../../protocol/network.ts";
import type {
  NetworkCreateParams,
  NetworkListParams,
  NetworkParams,
  NetworkPruneParams,
} from "../../protocol/params/network.ts";
import type { StoreProblem } from "../../protocol/system.ts";
import type { NetworkAttachment, Network as NetworkChoice } from "../../protocol/vm.ts";
import type { EventLog } from "../events/event-log.ts";
import type { Log } from "../log.ts";
import { freeSubnet } from "./address-pools.ts";
import { attachmentsOf } from "./attachments.ts";
import { Connection, type ConnectionConfig } from "./connection.ts";
import type { EndpointRecord, Member } from "./endpoint.ts";
import { hostRoutes } from "./host-routes.ts";
import type { NetdLauncher } from "./netd-launcher.ts";
import { isDisconnected, Network, type NetworkHost } from "./network.ts";
import { lockPathIn } from "./network-process.ts";
import { type BrokenRecord, type NetworkRecord, NetworkRecords } from "./network-record.ts";
import { type HostPort, isSamePort } from "./port-conflict.ts";

export interface NetworksOptions {
  /** Of the records. */
  dir: string;
  /** Of the sockets: short. */
  runDir: string;
  launcher: NetdLauncher;
  events: EventLog;
  log: Log;
  /** What the VMs there are were made for. */
  users(): Iterable<{ vm: Member; network: NetworkChoice }>;
  /** Where ports are published that name no address; empty: on all. */
  defaultHostAddress(): string;
  /** The subnets that the host has routes to. */
  routes?(): Promise<Subnet[]>;
}

/** Docker's other built-in networks: nothing is in them here. */
const pseudoNetworks: readonly NetworkDetails[] = [
  pseudoNetwork("host", "host"),
  pseudoNetwork("none", "null"),
];

const listFilters = ["dangling", "driver", "id", "label", "name", "scope", "type"];
const pruneFilters = ["label", "label!", "until"];
/** Nobody's to choose: loopback, link-local, multicast and what is above. */
const unusable: readonly string[] = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];

/**
 * All networks, and what can be asked of them. Everything that takes a `network` (name, ID or unique ID
 * prefix) throws NETWORK_NOT_FOUND in Docker's words.
 */
export class Networks implements NetworkHost {
  readonly runDir: string;
  readonly launcher: NetdLauncher;
  readonly #options: NetworksOptions;
  readonly #records: NetworkRecords;
  readonly #networks = new Map<string, Network>();
  readonly #broken = new Map<string, BrokenRecord>();
  /** One creation at a time: names and subnets are nobody else's. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.runDir = options.runDir;
    this.launcher = options.launcher;
    this.#records = new NetworkRecords(options.dir);
  }

  /** Reads every record. One that is broken hides no other, and can be removed. */
  async recover(): Promise<void> {
    for (const record of await this.#records.readAll()) {
      if ("problem" in record) {
        this.#broken.set(record.id, record);
        this.#options.log.error("network.recover", new Error(record.problem), { network: record.id });
      } else {
        this.#networks.set(record.id, new Network(record, this));
      }
    }
    await this.#sweep();
  }

  /** See {@link Network.removeOrphans}; a network that does not answer keeps nobody waiting. */
  removeOrphans(): void {
    for (const network of this.#networks.values())
      network
        .removeOrphans()
        .catch((error) => this.#options.log.error("network.orphans", error, { network: network.name }));
  }

  /** Removes the directories of networks that are gone, whose processes were still there when they went. */
  async #sweep(): Promise<void> {
    const known = new Set([...this.#networks.keys()].map((id) => this.#runDirOf(id)));
    const names = await readdir(join(this.runDir, "net")).catch(() => []);
    for (const name of names) {
      const path = this.#runDirOf(name);
      const isHeld = existsSync(lockPathIn(path)) && this.launcher.isLocked(lockPathIn(path));
      if (known.has(path) || isHeld) continue;
      await rm(path, { recursive: true, force: true }).catch((error) =>
        this.#options.log.error("network.sweep", error, { path }),
      );
    }
  }

  defaultHostAddress(): string {
    return this.#options.defaultHostAddress();
  }

  wantedAddresses(name: string): string[] {
    return [...this.#options.users()].flatMap(({ network }) =>
      attachmentsOf(network)
        .filter((attachment) => attachment.network === name)
        .flatMap(({ address }) => address ?? []),
    );
  }

  holderOf(port: HostPort): Member | undefined {
    const endpoints = [...this.#networks.values()].flatMap((network) => network.endpoints);
    return endpoints.find(({ ports }) => ports.some((other) => isSamePort(port, other)))?.vm;
  }

  lost(network: Network): void {
    this.#options.log.warn("network.lost", { network: network.name });
    this.#publish(network, "die");
  }

  onDidChange(listener: (change: NetworkChange) => void): { dispose(): void } {
    const kinds: Record<string, NetworkChange["kind"]> = {
      create: "created",
      destroy: "removed",
      connect: "connected",
      disconnect: "disconnected",
      die: "failed",
    };
    return this.#options.events.subscribe(({ type, action, actor: { id, attributes } }) => {
      const kind = kinds[action];
      if (type !== "network" || !kind) return;
      const { name = "", container } = attributes;
      listener({ kind, id, name, ...(container === undefined ? {} : { vm: container }) });
    });
  }

  /** @throws NETWORK_NAME_IN_USE, INVALID_ARGUMENT */
  async create(params: NetworkCreateParams): Promise<NetworkCreateResult> {
    const { name } = params;
    // Modes of ours are no names, too.
    if (isPredefinedNetwork(name) || name === "tsi" || name === "passt") {
      throw invalid(`operation is not permitted on predefined ${name} network`);
    }
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
      throw invalid(
        name === ""
          ? "network name cannot be empty"
          : `"${name}" includes invalid characters for a network name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
      );
    }
    const driver = params.driver ?? "bridge";
    if (driver === "host" || driver === "null")
      throw invalid(`only one instance of "${driver}" network is allowed`);
    if (driver !== "bridge" && driver !== "default")
      throw invalid(`plugin "${driver}" not found`, "The only driver here is bridge.");
    const network = await this.#queue(() => this.#make(params));
    return { id: network.id, warnings: [] };
  }

  /** Records that cannot be read. */
  check(): StoreProblem[] {
    return [...this.#broken.values()].map(({ name, problem }) => ({
      severity: "error",
      subject: `network ${name}`,
      problem: `cannot be used: ${problem}`,
      hint: `Restore its record, or remove it: mocker network rm ${name}`,
      repaired: false,
    }));
  }

  /** By name. @throws INVALID_ARGUMENT for filters */
  async list({ filters = {} }: NetworkListParams): Promise<NetworkDetails[]> {
    checkFilters(filters, listFilters);
    await this.#bridge();
    const all = [...this.#all()];
    const used = new Set(
      [...this.#options.users()].flatMap(({ network }) => attachmentsOf(network)).map((one) => one.network),
    );
    const isBuiltIn = ({ name }: NetworkDetails): boolean => isPredefinedNetwork(name);
    const tests: Record<string, (network: NetworkDetails, value: string) => boolean> = {
      driver: ({ driver }, value) => driver === value,
      id: ({ id }, value) => id.startsWith(value),
      name: ({ name }, value) => name.includes(value),
      label: ({ labels }, value) => matchesLabel(labels, value),
      scope: (_, value) => value === "local",
      type: (network, value) => isBuiltIn(network) === (value === "builtin"),
      dangling: (network, value) =>
        (!isBuiltIn(network) && !used.has(network.name)) === parseFilterBoolean("dangling", value),
    };
    for (const value of filters.type ?? []) {
      if (value !== "custom" && value !== "builtin") throw invalid(`invalid filter: 'type'='${value}'`);
    }
    return all
      .filter((network) =>
        Object.entries(filters).every(([key, values]) =>
          key === "label"
            ? values.every((value) => tests.label?.(network, value))
            : values.some((value) => tests[key]?.(network, value)),
        ),
      )
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async inspect({ network }: NetworkParams): Promise<NetworkDetails> {
    if (network === "bridge") await this.#bridge();
    return this.#find(network);
  }

  /** @throws NETWORK_IN_USE, INVALID_ARGUMENT for a network that is none of the user's making */
  async remove({ network: wanted }: NetworkParams): Promise<{ id: string }> {
    const { id, name } = await this.inspect({ network: wanted });
    if (isPredefinedNetwork(name)) throw invalid(`${name} is a pre-defined network and cannot be removed`);
    const network = this.#networks.get(id);
    const endpoint = network?.endpoints.find((one) => !isDisconnected(one));
    if (endpoint) {
      throw new MockerError(
        "NETWORK_IN_USE",
        `error while removing network: network ${name} has active endpoints (name:"${endpoint.vm.name}" id:"${endpoint.endpointId.slice(0, 12)}")`,
        { hint: `The VM ${endpoint.vm.name} runs in it: stop that first.` },
      );
    }
    this.#networks.delete(id);
    this.#broken.delete(id);
    for (const unplugged of network?.endpoints ?? []) await network?.leave(unplugged);
    await this.#records.remove(id);
    if (network) {
      if (!network.process.runs) await rm(this.#runDirOf(id), { recursive: true, force: true });
      network.process.release();
      this.#publish(network, "destroy");
    }
    return { id };
  }

  /** @throws INVALID_ARGUMENT for filters */
  async prune({ filters = {} }: NetworkPruneParams): Promise<NetworkPruneResult> {
    checkFilters(filters, pruneFilters);
    const matches = pruneCondition(filters, (text) => parsePruneTime(text, Date.now()));
    const used = new Set(
      [...this.#options.users()].flatMap(({ network }) => attachmentsOf(network)).map((one) => one.network),
    );
    const deleted: string[] = [];
    for (const { record, endpoints } of [...this.#networks.values()]) {
      const isUsed = used.has(record.name) || endpoints.length > 0 || isPredefinedNetwork(record.name);
      if (isUsed || !matches({ labels: record.labels, created: record.createdAt })) continue;
      await this.remove({ network: record.id });
      deleted.push(record.name);
    }
    return { deleted };
  }

  /** A network that VMs can be in. @throws NETWORK_NOT_FOUND */
  async resolve(wanted: string): Promise<Network> {
    if (wanted === "bridge" || wanted === "default") return await this.#bridge();
    const { id, name, problem } = this.#find(wanted);
    const network = this.#networks.get(id);
    if (network) return network;
    if (problem !== undefined) throw new MockerError("STATE_CORRUPT", problem);
    throw invalid(`a VM cannot be in the network ${name}`);
  }

  /**
   * Checks a VM's network and gives the networks the names they have. `host` is the default network, with a
   * warning. @throws NETWORK_NOT_FOUND, INVALID_ARGUMENT in Docker's words
   */
  async choose(choice: NetworkChoice | undefined): Promise<{ network: NetworkChoice; warnings: string[] }> {
    if (choice !== undefined && choice.mode !== "networks") return { network: choice, warnings: [] };
    const warnings: string[] = [];
    const attachments: NetworkAttachment[] = [];
    for (const attachment of choice?.attachments ?? [{ network: "bridge" }]) {
      if (attachment.network === "host") warnings.push(hostWarning);
      const network = await this.resolve(attachment.network === "host" ? "bridge" : attachment.network);
      network.check(attachment);
      if (attachments.some((other) => other.network === network.name))
        throw invalid(`network "${network.name}" is specified multiple times`);
      attachments.push({ ...attachment, network: network.name });
    }
    return { network: { mode: "networks", attachments }, warnings };
  }

  /** Joins a VM to its networks. @throws NETWORK_NOT_FOUND, PORT_IN_USE, NETWORK_FAILED, INVALID_ARGUMENT */
  async connect(vm: Member, config: ConnectionConfig): Promise<Connection> {
    if (config.network.mode === "passt")
      return await Connection.openPasst(vm, config, this.defaultHostAddress());
    const attached = [];
    for (const attachment of attachmentsOf(config.network))
      attached.push({ network: await this.resolve(attachment.network), attachment });
    const connection = await Connection.open(vm, config, attached);
    this.#publishEach(vm, connection, "connect");
    return connection;
  }

  /** The networks of a VM that a previous engine started. */
  adopt(vm: Member, records: readonly EndpointRecord[]): Promise<Connection> {
    return Connection.adopt(vm, records, (id) => this.#networks.get(id));
  }

  /** Tells that a VM has left its networks, after {@link Connection.close}. */
  left(vm: Member, connection: Connection): void {
    this.#publishEach(vm, connection, "disconnect");
  }

  /**
   * Plugs a card of a VM that runs in again. @returns false when it has none there, or one with another
   * address @throws NETWORK_FAILED
   */
  async plugIn(
    vm: Member,
    connection: Connection,
    network: Network,
    attachment: NetworkAttachment,
  ): Promise<boolean> {
    const endpoint = connection.find(network);
    const { address = endpoint?.address } = attachment;
    if (!endpoint || !isDisconnected(endpoint) || address !== endpoint.address) return false;
    await network.plugIn(endpoint, attachment);
    this.#publish(network, "connect", vm);
    return true;
  }

  /** Unplugs a card of a VM that runs, if it has one there. @throws NETWORK_FAILED */
  async unplug(vm: Member, connection: Connection, network: Network): Promise<void> {
    const endpoint = connection.find(network);
    if (!endpoint || isDisconnected(endpoint)) return;
    await network.unplug(endpoint);
    this.#publish(network, "disconnect", vm);
  }

  /** A VM that runs is called otherwise from now on. @throws NETWORK_FAILED */
  async rename(vm: Member, connection: Connection, choice: NetworkChoice): Promise<void> {
    for (const endpoint of connection.endpoints) {
      endpoint.vm = vm;
      const network = this.#networks.get(endpoint.networkId);
      const attachment = attachmentsOf(choice).find((one) => one.network === network?.name);
      if (network && attachment) await network.rename(endpoint, attachment);
    }
  }

  /** The ID of a network with this name; empty where there is none. */
  idOf(name: string): string {
    return this.#byName(name)?.id ?? "";
  }

  #publishEach(vm: Member, connection: Connection, action: "connect" | "disconnect"): void {
    for (const endpoint of connection.endpoints) {
      const network = this.#networks.get(endpoint.networkId);
      if (network && !isDisconnected(endpoint)) this.#publish(network, action, vm);
    }
  }

  async #make(params: NetworkCreateParams): Promise<Network> {
    const { name } = params;
    if (this.#byName(name) || [...this.#broken.values()].some((record) => record.name === name))
      throw new MockerError("NETWORK_NAME_IN_USE", `network with name ${name} already exists`);
    const own = [...this.#networks.values()].map(({ subnet }) => subnet);
    let subnet: Subnet;
    if (params.subnet === undefined) {
      subnet = freeSubnet([...own, ...(await (this.#options.routes ?? hostRoutes)())]);
    } else {
      subnet = checkedSubnet(params.subnet);
      if (own.some((other) => overlap(other, subnet)))
        throw invalid("invalid pool request: Pool overlaps with other one on this address space");
    }
    const record: NetworkRecord = {
      version: 1,
      id: randomBytes(32).toString("hex"),
      name,
      createdAt: new Date().toISOString(),
      driver: "bridge",
      subnet: formatSubnet(subnet),
      gateway: formatIpv4(checkedGateway(params.gateway, params.subnet, subnet)),
      ...checkedRange(params.ipRange, params.subnet, subnet),
      internal: params.internal ?? false,
      attachable: params.attachable ?? false,
      labels: params.labels ?? {},
      options: params.options ?? {},
    };
    this.#records.write(record);
    const network = new Network(record, this);
    this.#networks.set(record.id, network);
    this.#publish(network, "create");
    return network;
  }

  /** The default network, which nobody has to create. */
  #bridge(): Promise<Network> {
    const made = this.#byName("bridge");
    if (made) return Promise.resolve(made);
    return this.#queue(async () => this.#byName("bridge") ?? (await this.#make({ name: "bridge" })));
  }

  #queue<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(task);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #byName(name: string): Network | undefined {
    return [...this.#networks.values()].find((network) => network.name === name);
  }

  *#all(): Iterable<NetworkDetails> {
    for (const network of this.#networks.values()) yield network.details();
    for (const { id, name, problem } of this.#broken.values()) yield { ...brokenNetwork(id), name, problem };
    yield* pseudoNetworks;
  }

  #find(wanted: string): NetworkDetails {
    const all = [...this.#all()];
    const exact = all.find(({ id, name }) => id === wanted || name === wanted);
    if (exact) return exact;
    const matches = /^[0-9a-f]+$/.test(wanted) ? all.filter(({ id }) => id.startsWith(wanted)) : [];
    const [match] = matches;
    if (matches.length > 1) {
      throw new MockerError(
        "NETWORK_NOT_FOUND",
        `network ${wanted} is ambiguous (${matches.length} matches found based on ID prefix)`,
      );
    }
    if (!match) {
      const isMode = wanted === "passt" || wanted === "tsi";
      throw new MockerError("NETWORK_NOT_FOUND", `network ${wanted} not found`, {
        hint: isMode
          ? `It is no network, but a way to the host's for one VM: mocker run --network ${wanted}`
          : "See: mocker network ls",
      });
    }
    return match;
  }

  #publish({ id, record }: Network, action: string, vm?: Member): void {
    const attributes = { name: record.name, type: record.driver, ...(vm ? { container: vm.id } : {}) };
    this.#options.events.publish("network", action, { id, attributes });
  }

  #runDirOf(id: string): string {
    return join(this.runDir, "net", id.slice(0, 12));
  }
}

const hostWarning =
  "--network host: a VM has a network of its own, so it gets the default network; " +
  "its ports are not the host's, publish them with -p";

function pseudoNetwork(name: string, driver: "host" | "null"): NetworkDetails {
  const id = createHash("sha256").update(`mocker network ${name}`).digest("hex");
  return { ...brokenNetwork(id), name, driver };
}

/** A network of which nothing is known but its ID. */
function brokenNetwork(id: string): NetworkDetails {
  return {
    id,
    name: id.slice(0, 12),
    createdAt: "0001-01-01T00:00:00Z",
    driver: "bridge",
    subnet: "",
    gateway: "",
    internal: false,
    attachable: false,
    labels: {},
    options: {},
    endpoints: [],
  };
}

function checkFilters(filters: Record<string, string[]>, known: readonly string[]): void {
  const unknown = Object.keys(filters).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw invalid(`invalid filter '${unknown}'`, `The filters are: ${known.join(", ")}.`);
}

function checkedSubnet(text: string): Subnet {
  if (text.includes(":")) throw invalid(`invalid subnet ${text}: IPv6 is not supported yet`);
  const subnet = parseSubnet(text);
  if (!subnet) throw invalid(`invalid subnet ${text}: invalid CIDR block notation`);
  const canonical = formatSubnet(subnet);
  if (canonical !== text)
    throw invalid(`invalid network config: invalid subnet ${text}: it should be ${canonical}`);
  if (subnet.bits < 8 || subnet.bits > 30)
    throw invalid(`invalid subnet ${text}: its prefix must have 8 to 30 bits`);
  if (unusable.flatMap((other) => parseSubnet(other) ?? []).some((other) => overlap(other, subnet)))
    throw invalid(`invalid subnet ${text}: its addresses are reserved`);
  return subnet;
}

function checkedGateway(text: string | undefined, subnetText: string | undefined, subnet: Subnet): number {
  if (text === undefined) return subnet.base + 1;
  if (subnetText === undefined) throw invalid("every ip-range or gateway must have a corresponding subnet");
  const gateway = parseIpv4(text);
  if (gateway === undefined || !contains(subnet, gateway))
    throw invalid(`no matching subnet for gateway ${text}`);
  return gateway;
}

function checkedRange(
  text: string | undefined,
  subnetText: string | undefined,
  subnet: Subnet,
): { ipRange?: string } {
  if (text === undefined) return {};
  if (subnetText === undefined) throw invalid("every ip-range or gateway must have a corresponding subnet");
  const range = parseSubnet(text);
  if (!range) throw invalid(`invalid ip-range ${text}: invalid CIDR block notation`);
  if (!contains(subnet, range.base) || range.bits < subnet.bits)
    throw invalid(`no matching subnet for range ${text}`);
  return { ipRange: formatSubnet(range) };
}

function invalid(message: string, hint?: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message, hint === undefined ? {} : { hint });
}
