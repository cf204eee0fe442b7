import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterFile } from "../../support/after-file.ts";
import { rootDir } from "../../support/paths.ts";
import { killQuietly } from "../../support/processes.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { compiled } from "../compiled.ts";
import { nativeDir } from "../vm.ts";
import { Place } from "./place.ts";

export interface PortRequest {
  protocol: string;
  guestPort: number;
  hostAddress: string;
  hostPort: number;
}

export interface EndpointRequest {
  endpointId: string;
  mac: string;
  address: string;
  names: string[];
  hostGateway?: boolean;
  upstream?: string[];
  otherResolvers?: boolean;
  ports?: PortRequest[];
}

export interface EndpointStatus extends Omit<EndpointRequest, "ports"> {
  connected: boolean;
  up: boolean;
  ports: PortRequest[];
  rxBytes: number;
  txBytes: number;
  droppedFrames: number;
}

/** An error that mocker-netd answered. */
export class NetdError extends Error {
  readonly code: string;
  readonly details: unknown;

  constructor({ code, message, details }: { code: string; message: string; details?: unknown }) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** A connection to the control socket. */
export class Control {
  readonly socket: Socket;
  readonly events: { event: string; endpointId: string }[] = [];
  readonly #waiting: ((line: { result?: unknown; error?: NetdError }) => void)[] = [];
  #lastId = 0;

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on("error", () => {});
    const lines = createInterface({ input: this.socket });
    // It repeats the socket's.
    lines.on("error", () => {});
    lines.on("line", (line) => {
      const message = JSON.parse(line);
      if ("event" in message) this.events.push(message);
      else this.#waiting.shift()?.(message);
    });
    this.socket.on("close", () => {
      const error = new NetdError({ code: "CLOSED", message: "the connection was closed" });
      for (const settle of this.#waiting.splice(0)) settle({ error });
    });
  }

  /** Sends a line as it is; resolves with the answer to it. */
  line(text: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(({ result, error }) =>
        error === undefined ? resolve(result) : reject(new NetdError(error)),
      );
      this.socket.write(text);
    });
  }

  request(method: string, params: unknown = {}): Promise<unknown> {
    return this.line(`${JSON.stringify({ id: ++this.#lastId, method, params })}\n`);
  }

  async add(endpoint: EndpointRequest): Promise<PortRequest[]> {
    return ((await this.request("endpoint.add", endpoint)) as { ports: PortRequest[] }).ports;
  }

  async status(): Promise<EndpointStatus[]> {
    return ((await this.request("status")) as { endpoints: EndpointStatus[] }).endpoints;
  }
}

/** A running mocker-netd. */
export class Netd {
  readonly directory: string;
  readonly networkId = randomBytes(32).toString("hex");
  readonly process: ChildProcess;
  readonly exited: Promise<number | string>;
  readonly settings: Record<string, unknown>;
  log = "";

  /**
   * @param host the place whose network is the host's; without, this machine's
   * @param inherited further descriptors that it is started with
   * @param by a command that starts it
   */
  constructor(
    settings: Record<string, unknown> = {},
    host?: Place,
    directory = tmpDir(),
    inherited: number[] = [],
    by: string[] = [],
  ) {
    this.directory = directory;
    this.settings = {
      version: 1,
      networkId: this.networkId,
      name: "web",
      subnet: "172.18.0.0/16",
      gateway: "172.18.0.1",
      mtu: 65520,
      internal: false,
      socketPath: join(directory, "netd.sock"),
      cardSocketPath: join(directory, "cards.sock"),
      lockPath: join(directory, "netd.lock"),
      idleMs: 60_000,
      ...settings,
    };
    const file = join(directory, "netd.json");
    writeFileSync(file, JSON.stringify(this.settings), { mode: 0o600 });
    const enter = host === undefined ? [] : ["nsenter", `--target=${host.pid}`, "--net", "--mount"];
    const [name = "", ...args] = [...enter, ...by, join(nativeDir, "mocker-netd"), file];
    this.process = spawn(name, args, { stdio: ["ignore", "pipe", "pipe", ...inherited] });
    started.add(this.process);
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.on("data", (data) => {
        this.log += data;
      });
    this.exited = new Promise((resolve) =>
      this.process.on("exit", (code, signal) => resolve(code ?? signal ?? "")),
    );
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  get cardSocket(): string {
    return join(this.directory, "cards.sock");
  }

  /** A control connection, once it listens. */
  async control(): Promise<Control> {
    for (;;) {
      const control = new Control(join(this.directory, "netd.sock"));
      try {
        await control.request("hello");
        return control;
      } catch (error) {
        if (this.process.exitCode !== null) throw new Error(`mocker-netd has ended: ${this.log}`);
        if (!(error instanceof NetdError) || error.code !== "CLOSED") throw error;
        await sleep(20);
      }
    }
  }

  async stop(): Promise<number | string> {
    this.process.kill("SIGTERM");
    return this.exited;
  }
}

const started = new Set<ChildProcess>();

/** An endpoint with the last byte of its address and names. */
export function endpointAt(last: number, names: string[] = [], ports: PortRequest[] = []): EndpointRequest {
  return {
    endpointId: `endpoint-${last}`,
    mac: macOf(last),
    address: `172.18.0.${last}`,
    names,
    ports,
  };
}

export function macOf(last: number): string {
  return `02:42:ac:12:00:${last.toString(16).padStart(2, "0")}`;
}

/** A VM as far as the network can see: a network stack of its own behind a card, and a Node.js in it. */
export class FakeVm {
  readonly place: Place;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.place = new Place(child.pid ?? 0);
  }

  /** @param endpoint one that was added */
  static async join(netd: Netd, endpoint: EndpointRequest, prefix = 16): Promise<FakeVm> {
    const { gateway, mtu } = netd.settings;
    const card = [netd.cardSocket, endpoint.endpointId];
    return await FakeVm.start([...card, endpoint.mac, endpoint.address, prefix, gateway, mtu].map(String));
  }

  /** @param args as fake-vm.c takes them */
  static async start(args: string[]): Promise<FakeVm> {
    const source = join(rootDir(), "test", "native", "programs", "fake-vm.c");
    const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", source];
    const program = await compiled("fake-vm", "gcc", flags, [source]);
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    started.add(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout.once("data", () => resolve());
      child.once("exit", () => reject(new Error("the VM could not join")));
    });
    return new FakeVm(child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Stops reading and sending frames. */
  freeze(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  thaw(): void {
    process.kill(this.pid, "SIGCONT");
  }

  async close(): Promise<void> {
    await this.place.close();
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await ended;
  }
}

/** Addresses of the outside that no guest may reach, and two that it may. */
export const forbiddenAddresses = [
  "127.0.0.1",
  "127.8.8.8",
  "0.0.0.0",
  "169.254.169.254",
  "100.100.100.200",
  "168.63.129.16",
  "192.0.0.192",
  "240.0.0.1",
];
export const lanAddress = "10.9.9.9";
export const internetAddress = "198.51.100.7";

/**
 * A host with a network of its own, and what is outside of it: a LAN, the Internet, and metadata services.
 */
export class World {
  readonly host = new Place();
  readonly outside = new Place();
  /** The host's; it may be written anew, and not replaced. */
  readonly resolvConf = join(tmpDir(), "resolv.conf");

  static async make(): Promise<World> {
    const world = new World();
    await Promise.all([world.host, world.outside].map((place) => place.run(() => true)));
    world.#connect();
    return world;
  }

  #connect(): void {
    const host = (command: string) => inNamespace(this.host, command);
    const outside = (command: string) => inNamespace(this.outside, command);
    host("ip link set lo up");
    host(`ip link add h0 type veth peer name o0 netns ${this.outside.pid}`);
    host("ip address add 192.0.2.1/24 dev h0");
    host("ip link set h0 up");
    host("ip route add default via 192.0.2.2");
    host("sysctl -qw net.ipv4.ping_group_range='0 2147483647'");
    outside("ip link set lo up");
    outside("ip address add 192.0.2.2/24 dev o0");
    outside("ip link set o0 up");
    // Had the host routes to them, as a cloud's machines have, they would be answered.
    const elsewhere = forbiddenAddresses.filter((address) => !/^(?:127|0|240)\./.test(address));
    for (const address of [lanAddress, internetAddress, ...elsewhere])
      outside(`ip address add ${address}/32 dev lo`);
    writeFileSync(this.resolvConf, "nameserver 192.0.2.2\n");
    host(`mount --bind ${this.resolvConf} /etc/resolv.conf`);
  }

  async close(): Promise<void> {
    await Promise.all([this.host.close(), this.outside.close()]);
  }
}

/** Runs a command in a place's namespaces. */
export function inNamespace(place: Place, command: string): string {
  const enter = [`--target=${place.pid}`, "--net", "--mount"];
  return execFileSync("nsenter", [...enter, "sh", "-c", command], { encoding: "utf8" });
}

/** A directory for one mocker-netd, which another can use after it. */
export function networkDirectory(): string {
  const directory = join(tmpDir(), "net");
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

afterFile(() => {
  for (const child of started) {
    if (child.exitCode === null && child.signalCode === null && child.pid) killQuietly(child.pid);
  }
});
