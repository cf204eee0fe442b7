import { existsSync, renameSync, statSync } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeDirectory } from "../../common/make-directory.ts";
import { parseIpv4 } from "../../docker/ipv4.ts";
import type { MockerError } from "../../protocol/errors.ts";
import {
  type BoundPort,
  type EndpointRequest,
  type EndpointStatus,
  NetdClient,
  NetdError,
  NetdGone,
  networkFailed,
} from "./netd-client.ts";
import type { NetdLauncher } from "./netd-launcher.ts";
import type { NetworkRecord } from "./network-record.ts";

/** `netd.json`. */
interface NetdConfig {
  version: 1;
  networkId: string;
  name: string;
  subnet: string;
  gateway: string;
  mtu: number;
  internal: boolean;
  socketPath: string;
  cardSocketPath: string;
  lockPath: string;
  idleMs: number;
}

const defaultMtu = 65_520;
const idleMs = 10_000;
const maxLogBytes = 1024 * 1024;
/** The exit status of a `mocker-netd` that found another's lock. */
const exitAlreadyRunning = 75;
const mtuOption = "com.docker.network.driver.mtu";

export interface NetworkProcessOptions {
  record: NetworkRecord;
  /** A short path, below which each network has a directory. */
  runDir: string;
  launcher: NetdLauncher;
  /** How long it may take to start, and to answer one request. */
  timeoutMs?: number;
  /** The connection to it has ended, and perhaps the process. */
  onDisconnect(): void;
  onEndpointRemoved(endpointId: string): void;
}

/**
 * The `mocker-netd` of one network: started when a VM needs it, adopted where a previous engine left it, and
 * started anew when it has ended. It ends by itself some time after its last endpoint.
 */
export class NetworkProcess {
  readonly #options: NetworkProcessOptions;
  readonly #dir: string;
  readonly #timeoutMs: number;
  #client: NetdClient | undefined;
  /** One start at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: NetworkProcessOptions) {
    this.#options = options;
    this.#dir = join(options.runDir, "net", options.record.id.slice(0, 12));
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  get cardSocketPath(): string {
    return join(this.#dir, "cards.sock");
  }
  /** Of the process; undefined while there is none that is known. */
  get pid(): number | undefined {
    return this.#client?.isClosed === false ? this.#client.pid : undefined;
  }
  get mtu(): number {
    return mtuOf(this.#options.record);
  }
  /** Whether there is a process, known to this engine or not. */
  get runs(): boolean {
    return existsSync(this.#lockPath) && this.#options.launcher.isLocked(this.#lockPath);
  }

  /** @returns the ports that were bound @throws NetdError, NETWORK_FAILED */
  addEndpoint(request: EndpointRequest): Promise<BoundPort[]> {
    return this.#ask((client) => client.addEndpoint(request), true);
  }

  /** What a process that runs has; undefined when none does. @throws NETWORK_FAILED */
  async status(): Promise<EndpointStatus[] | undefined> {
    try {
      return await this.#ask((client) => client.status(), false);
    } catch (error) {
      if (error instanceof NetdGone) return undefined;
      throw error;
    }
  }

  /** @throws NETWORK_FAILED, also when it does not run */
  async updateEndpoint(endpointId: string, change: { names?: string[]; up?: boolean }): Promise<void> {
    const client = this.#client;
    if (!client || client.isClosed) throw this.#failed(new Error("its process has ended"));
    await client.updateEndpoint(endpointId, change).catch((error) => {
      throw this.#failed(error);
    });
  }

  /** Harmless when it does not run, or not any more. @throws NETWORK_FAILED */
  async removeEndpoint(endpointId: string): Promise<void> {
    await this.#client?.removeEndpoint(endpointId).catch((error) => {
      if (!(error instanceof NetdGone)) throw this.#failed(error);
    });
  }

  /** Lets go of it; it lives on. */
  release(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** A process may end for want of endpoints just when it is asked; the next one is asked again. */
  async #ask<T>(question: (client: NetdClient) => Promise<T>, mayStart: boolean): Promise<T> {
    try {
      try {
        return await question(await this.#connected(mayStart));
      } catch (error) {
        if (!(error instanceof NetdGone)) throw error;
        return await question(await this.#connected(mayStart));
      }
    } catch (error) {
      const isForCaller = error instanceof NetdError || (error instanceof NetdGone && !mayStart);
      throw isForCaller ? error : this.#failed(error);
    }
  }

  #connected(mayStart: boolean): Promise<NetdClient> {
    const turn = this.#turn.then(() => this.#connect(mayStart));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #connect(mayStart: boolean): Promise<NetdClient> {
    if (this.#client?.isClosed === false) return this.#client;
    const deadline = performance.now() + this.#timeoutMs;
    makeDirectory(this.#dir);
    /** Of the one that was started here; undefined while it runs or none was. */
    let ended: { exitCode: number | null } | undefined;
    let isStarted = false;
    for (;;) {
      if (!this.runs && !isStarted) {
        if (!mayStart) throw new NetdGone("there is no process");
        await this.#writeConfig();
        ended = undefined;
        isStarted = true;
        this.#options.launcher.spawn(this.#configPath, this.#logPath, (exitCode) => {
          ended = { exitCode };
        });
      }
      try {
        return await this.#adopt();
      } catch (error) {
        if (!(error instanceof NetdGone)) throw error;
      }
      if (ended && ended.exitCode !== exitAlreadyRunning) {
        throw new Error((await this.#lastLogLine()) ?? "its process has ended at once");
      }
      if (ended) isStarted = false;
      if (performance.now() > deadline)
        throw new Error(`its process does not listen within ${this.#timeoutMs / 1000} s`);
      await sleep(10);
    }
  }

  async #adopt(): Promise<NetdClient> {
    const client = await NetdClient.connect({
      socketPath: this.#socketPath,
      networkId: this.#options.record.id,
      timeoutMs: this.#timeoutMs,
      onEndpointRemoved: this.#options.onEndpointRemoved,
    });
    this.#client = client;
    client.closed.then(() => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#options.onDisconnect();
    });
    return client;
  }

  async #writeConfig(): Promise<void> {
    const { id, name, subnet, gateway, internal } = this.#options.record;
    const config: NetdConfig = {
      version: 1,
      networkId: id,
      name,
      subnet,
      gateway,
      mtu: this.mtu,
      internal,
      socketPath: this.#socketPath,
      cardSocketPath: this.cardSocketPath,
      lockPath: this.#lockPath,
      idleMs,
    };
    const log = statSync(this.#logPath, { throwIfNoEntry: false });
    if (log && log.size > maxLogBytes) renameSync(this.#logPath, `${this.#logPath}.1`);
    await writeFile(this.#configPath, JSON.stringify(config), { mode: 0o600 });
  }

  async #lastLogLine(): Promise<string | undefined> {
    const file = await open(this.#logPath, "r").catch(() => undefined);
    if (!file) return undefined;
    try {
      const { size } = await file.stat();
      const { buffer, bytesRead } = await file.read(Buffer.alloc(2048), 0, 2048, Math.max(0, size - 2048));
      return buffer.toString("utf8", 0, bytesRead).trim().split("\n").at(-1) || undefined;
    } finally {
      await file.close();
    }
  }

  #failed(error: unknown): MockerError {
    return networkFailed(this.#options.record.name, error);
  }

  get #configPath(): string {
    return join(this.#dir, "netd.json");
  }
  get #logPath(): string {
    return join(this.#dir, "netd.log");
  }
  get #socketPath(): string {
    return join(this.#dir, "netd.sock");
  }
  get #lockPath(): string {
    return lockPathIn(this.#dir);
  }
}

/** Held by the process whose directory this is. */
export function lockPathIn(directory: string): string {
  return join(directory, "netd.lock");
}

/** Of the network's cards: its driver option, or the largest that libkrun's cards take. */
function mtuOf({ options }: NetworkRecord): number {
  const wanted = Number(options[mtuOption]);
  return Number.isInteger(wanted) && wanted >= 576 && wanted <= defaultMtu ? wanted : defaultMtu;
}

/** The option that names the default host address of a network's published ports. */
export function hostAddressOption({ options }: NetworkRecord): string | undefined {
  const address = options["com.docker.network.bridge.host_binding_ipv4"];
  return address !== undefined && parseIpv4(address) !== undefined ? address : undefined;
}
