/** Where a completion has names from. */
import type { Socket } from "node:net";
import { EngineClient } from "../../client/engine-client.ts";
import { dial } from "../../client/engine-socket.ts";
import { reachRunning } from "../../client/reach-engine.ts";
import { humanSize } from "../../docker/sizes.ts";
import { humanAge } from "../../docker/times.ts";
import {
  checkpointList,
  imageList,
  networkList,
  type VmState,
  vmList,
  volumeList,
} from "../../protocol/index.ts";
import { endpointOf } from "../contexts/endpoint.ts";
import { shortId } from "../output/table.ts";
import { clientVersion } from "../version.ts";

export interface Candidate {
  readonly text: string;
  /** One line, for shells that show it. */
  readonly description?: string;
}

export interface Names {
  /** VMs in one of the states; default: in any. */
  vms(states?: readonly VmState[]): Promise<Candidate[]>;
  /** `repository:tag`. */
  images(): Promise<Candidate[]>;
  checkpoints(vm: string): Promise<Candidate[]>;
  volumes(): Promise<Candidate[]>;
  networks(): Promise<Candidate[]>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The engine's names, if it runs: it is never started for them. Its methods throw MockerError. */
export class EngineNames implements Names {
  readonly #env: Environment;
  readonly #timeoutMs: number;
  #client: Promise<EngineClient | undefined> | undefined;

  /** `timeoutMs` is for the engine's answer to the handshake. */
  constructor(env: Environment, timeoutMs: number) {
    this.#env = env;
    this.#timeoutMs = timeoutMs;
  }

  async vms(states?: readonly VmState[]): Promise<Candidate[]> {
    const vms = (await (await this.#engine())?.request(vmList, { all: true })) ?? [];
    return vms
      .filter(({ state }) => states === undefined || states.includes(state))
      .map(({ name, image, status }) => ({ text: name, description: `${image}, ${status}` }));
  }

  async images(): Promise<Candidate[]> {
    const images = (await (await this.#engine())?.request(imageList, {})) ?? [];
    return images.flatMap(({ id, repoTags, sizeBytes }) =>
      repoTags.map((text) => ({ text, description: `${shortId(id)}, ${humanSize(sizeBytes)}` })),
    );
  }

  async checkpoints(vm: string): Promise<Candidate[]> {
    const checkpoints = (await (await this.#engine())?.request(checkpointList, { vm })) ?? [];
    return checkpoints.map(({ name, createdAt }) => ({ text: name, description: humanAge(createdAt) }));
  }

  async volumes(): Promise<Candidate[]> {
    const volumes = (await (await this.#engine())?.request(volumeList, {})) ?? [];
    return volumes.map(({ name, driver }) => ({ text: name, description: driver }));
  }

  async networks(): Promise<Candidate[]> {
    const networks = (await (await this.#engine())?.request(networkList, {})) ?? [];
    return networks.map(({ name, driver, subnet }) => ({
      text: name,
      description: [driver, subnet].filter(Boolean).join(", "),
    }));
  }

  close(): void {
    void this.#client?.then(
      (client) => client?.close(),
      () => undefined,
    );
  }

  #engine(): Promise<EngineClient | undefined> {
    this.#client ??= this.#reach();
    return this.#client;
  }

  /** Not that of another machine, which may take long, and ask for a password. */
  async #reach(): Promise<EngineClient | undefined> {
    const endpoint = endpointOf(this.#env);
    if (endpoint.kind === "ssh") return undefined;
    const connected = (socket: Socket, path: string): Promise<EngineClient> =>
      EngineClient.open(socket, path, { name: "mocker", version: clientVersion }, this.#timeoutMs);
    if (endpoint.kind === "own") return await reachRunning({ env: this.#env, connected });
    const socket = await dial(endpoint.path);
    return socket && (await connected(socket, endpoint.path));
  }
}
