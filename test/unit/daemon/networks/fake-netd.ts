/**
 * A `mocker-netd` for the tests of everything above it: its protocol over a real unix socket, its lock, and
 * no process. It ends when the test says so.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { NetdLauncher } from "../../../../engine/daemon/networks/netd-launcher.ts";
import { afterFile } from "../../../support/after-file.ts";

type Fields = Record<string, unknown>;

interface Config {
  networkId: string;
  name: string;
  socketPath: string;
  lockPath: string;
  mtu: number;
  internal: boolean;
}

export interface NetdScript {
  /** False: it has its lock, and never listens. */
  listens?: boolean;
  /** It ends at once with this status, and says this before. */
  exits?: { code: number; log: string };
  /** Its answers by method; undefined for none at all. Others are answered as by one that is well. */
  answers?: Record<string, (params: Fields, netd: FakeNetd) => Fields | string | undefined>;
}

const netds: FakeNetd[] = [];

afterFile(() => {
  for (const netd of netds) netd.die();
});

/** An answer that is an error. */
export function netdError(code: string, message: string, details: Fields = {}): Fields {
  return { error: { code, message, details } };
}

interface FakeEndpoint extends Fields {
  endpointId: string;
  ports: { protocol: string; guestPort: number; hostAddress: string; hostPort: number }[];
  up: boolean;
}

export class FakeNetd {
  readonly config: Config;
  readonly requests: { method: string; params: Fields }[] = [];
  readonly endpoints = new Map<string, FakeEndpoint>();
  isOver = false;
  readonly #script: NetdScript;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #nextPort = 40_000;

  constructor(config: Config, script: NetdScript) {
    netds.push(this);
    this.config = config;
    this.#script = script;
    writeFileSync(config.lockPath, "");
    rmSync(config.socketPath, { force: true });
    this.#server = createServer((socket) => this.#accept(socket));
    if (script.listens !== false) this.#server.listen(config.socketPath);
  }

  /** As by SIGKILL. */
  die(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  /** The connections to it break; it lives on. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  tell(message: unknown): void {
    for (const socket of this.#sockets) socket.write(`${JSON.stringify(message)}\n`);
  }

  methods(): string[] {
    return this.requests.map(({ method }) => method);
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      text += chunk;
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) this.#serve(socket, JSON.parse(line) as Fields);
    });
  }

  #serve(socket: Socket, { id, method, params }: Fields): void {
    const name = String(method);
    const given = params as Fields;
    this.requests.push({ method: name, params: given });
    const own = this.#script.answers?.[name];
    const answer = own ? own(given, this) : this.answer(name, given);
    if (answer === undefined || this.isOver) return;
    if (typeof answer === "string") socket.write(answer);
    else socket.write(`${JSON.stringify({ id, ...("error" in answer ? answer : { result: answer }) })}\n`);
  }

  /** What one that is well answers. */
  answer(method: string, params: Fields): Fields {
    const endpointId = String(params.endpointId);
    switch (method) {
      case "hello":
        return { version: 1, networkId: this.config.networkId, pid: 4711 };
      case "endpoint.add": {
        const ports = ((params.ports ?? []) as FakeEndpoint["ports"]).flatMap((port) => {
          const hostPort = port.hostPort || this.#nextPort++;
          const addresses = port.hostAddress === "" ? ["0.0.0.0", "::"] : [port.hostAddress];
          return addresses.map((hostAddress) => ({ ...port, hostAddress, hostPort }));
        });
        this.endpoints.set(endpointId, { ...params, endpointId, ports, up: true });
        return { ports };
      }
      case "endpoint.update": {
        const endpoint = this.endpoints.get(endpointId);
        if (!endpoint) return netdError("NOT_FOUND", "no such endpoint");
        if (typeof params.up === "boolean") endpoint.up = params.up;
        return {};
      }
      case "endpoint.remove":
        this.endpoints.delete(endpointId);
        return {};
      default:
        return { endpoints: [...this.endpoints.values()] };
    }
  }
}

/** Launches fake network processes. */
export class FakeNetds implements NetdLauncher {
  readonly netds: FakeNetd[] = [];
  /** How the next ones behave. */
  script: NetdScript = {};

  spawn(configPath: string, logPath: string, onExit: (exitCode: number | null) => void): void {
    const { exits } = this.script;
    if (exits) {
      writeFileSync(logPath, exits.log);
      setImmediate(() => onExit(exits.code));
      return;
    }
    this.netds.push(new FakeNetd(JSON.parse(readFileSync(configPath, "utf8")) as Config, this.script));
  }

  isLocked(lockPath: string): boolean {
    return this.netds.some(({ config, isOver }) => !isOver && config.lockPath === lockPath);
  }

  /** The one that was launched last. */
  get last(): FakeNetd {
    const netd = this.netds.at(-1);
    if (!netd) throw new Error("no process of a network was launched");
    return netd;
  }
}
