import { connect, type Socket } from "node:net";
import { MockerError } from "../../protocol/errors.ts";

/** A port that `mocker-netd` is to bind. */
export interface PortRequest {
  protocol: "tcp" | "udp";
  guestPort: number;
  /** Empty: all addresses of both families. */
  hostAddress: string;
  /** 0: one that is free. */
  hostPort: number;
}

/** One that it has bound: no empty address and no port 0. */
export type BoundPort = PortRequest;

export interface EndpointRequest {
  endpointId: string;
  mac: string;
  address: string;
  names: string[];
  hostGateway?: boolean;
  upstream?: string[];
  /** The guest asks other networks, too: a name that is not this one's is to be looked for there. */
  otherResolvers?: boolean;
  ports?: PortRequest[];
}

/** An endpoint as `status` has it; what else it says is nobody's here. */
export interface EndpointStatus {
  endpointId: string;
  /** A VM's card is plugged in. */
  connected: boolean;
  up: boolean;
  ports: BoundPort[];
}

/** An error that `mocker-netd` has answered with. */
export class NetdError extends Error {
  override readonly name = "NetdError";
  readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, details: Record<string, unknown>) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** The connection has ended: the process may have, too. */
export class NetdGone extends Error {
  override readonly name = "NetdGone";
}

const maxLineBytes = 1024 * 1024;
const protocolVersion = 1;
/** The end of a VM waits for it, and the process finds out by itself too. */
const removalTimeoutMs = 2000;

interface Pending {
  resolve(result: Record<string, unknown>): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

/**
 * A connection to the control socket of a `mocker-netd`: JSON lines. Whatever it says is checked, and
 * nothing is waited for longer than the time that was given.
 */
export class NetdClient {
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, Pending>();
  readonly #onEndpointRemoved: (endpointId: string) => void;
  #pid = 0;
  #nextId = 1;
  #buffered = "";
  #isClosed = false;

  private constructor(socket: Socket, timeoutMs: number, onEndpointRemoved: (endpointId: string) => void) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    this.#onEndpointRemoved = onEndpointRemoved;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#read(text));
    socket.on("error", () => undefined);
    socket.on("close", () => this.#end(new NetdGone("the network's process has ended")));
  }

  /**
   * Connects to the process of the network `networkId`, and hears that it is that.
   * @throws NetdGone when nobody listens, Error for a process that does not answer in time or as another
   */
  static async connect(options: {
    socketPath: string;
    networkId: string;
    timeoutMs: number;
    onEndpointRemoved(endpointId: string): void;
  }): Promise<NetdClient> {
    const socket = await connected(options.socketPath, options.timeoutMs);
    const client = new NetdClient(socket, options.timeoutMs, options.onEndpointRemoved);
    try {
      const hello = await client.request("hello", {});
      if (hello.version !== protocolVersion)
        throw new Error(`it speaks version ${String(hello.version)} of the protocol, not ${protocolVersion}`);
      if (hello.networkId !== options.networkId) throw new Error("it is the process of another network");
      if (typeof hello.pid === "number") client.#pid = hello.pid;
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** Of the process. */
  get pid(): number {
    return this.#pid;
  }
  get isClosed(): boolean {
    return this.#isClosed;
  }

  async addEndpoint(request: EndpointRequest): Promise<BoundPort[]> {
    const { ports } = await this.request("endpoint.add", request);
    return boundPorts(ports);
  }

  async updateEndpoint(endpointId: string, change: { names?: string[]; up?: boolean }): Promise<void> {
    await this.request("endpoint.update", { endpointId, ...change });
  }

  async removeEndpoint(endpointId: string): Promise<void> {
    await this.request("endpoint.remove", { endpointId }, removalTimeoutMs);
  }

  async status(): Promise<EndpointStatus[]> {
    const { endpoints } = await this.request("status", {});
    if (!Array.isArray(endpoints)) throw new Error("its status is not one");
    return endpoints.map((endpoint: unknown) => {
      const { endpointId, connected, up, ports } = record(endpoint);
      return {
        endpointId: String(endpointId),
        connected: connected !== false,
        up: up !== false,
        ports: boundPorts(ports),
      };
    });
  }

  /** @throws NetdError, NetdGone, Error when no answer comes in time */
  request(method: string, params: object, longestMs = this.#timeoutMs): Promise<Record<string, unknown>> {
    if (this.#isClosed) return Promise.reject(new NetdGone("the network's process has ended"));
    const id = this.#nextId++;
    const timeoutMs = Math.min(this.#timeoutMs, longestMs);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Error(`it did not answer ${method} within ${timeoutMs / 1000} s`));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  }

  close(): void {
    this.#end(new NetdGone("the connection to it was closed"));
  }

  #read(text: string): void {
    this.#buffered += text;
    for (;;) {
      const end = this.#buffered.indexOf("\n");
      if (end < 0) break;
      const line = this.#buffered.slice(0, end);
      this.#buffered = this.#buffered.slice(end + 1);
      try {
        this.#take(record(JSON.parse(line)));
      } catch {
        this.#end(new Error("it says what makes no sense"));
        return;
      }
    }
    if (this.#buffered.length > maxLineBytes) this.#end(new Error("it says too much at once"));
  }

  #take(message: Record<string, unknown>): void {
    if (message.event === "endpoint.removed") {
      this.#onEndpointRemoved(String(message.endpointId));
      return;
    }
    const pending = typeof message.id === "number" ? this.#pending.get(message.id) : undefined;
    if (!pending) return;
    this.#pending.delete(Number(message.id));
    clearTimeout(pending.timer);
    if (message.error === undefined) {
      pending.resolve(record(message.result ?? {}));
      return;
    }
    const { code, message: text, details } = record(message.error);
    pending.reject(new NetdError(String(code), String(text), details === undefined ? {} : record(details)));
  }

  #end(why: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.destroy();
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(why);
    }
    this.#pending.clear();
  }
}

function connected(path: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const timer = setTimeout(() => socket.destroy(new Error("it does not accept connections")), timeoutMs);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const isGone = error.code === "ENOENT" || error.code === "ECONNREFUSED";
      reject(isGone ? new NetdGone(`nobody listens on ${path}`) : error);
    });
  });
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("it says what makes no sense");
  return Object.fromEntries(Object.entries(value));
}

function boundPorts(value: unknown): BoundPort[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error("its list of ports is none");
  return value.map((item: unknown) => {
    const { protocol, guestPort, hostAddress, hostPort } = record(item);
    if (
      (protocol !== "tcp" && protocol !== "udp") ||
      typeof guestPort !== "number" ||
      typeof hostAddress !== "string" ||
      typeof hostPort !== "number"
    ) {
      throw new Error("one of its ports is none");
    }
    return { protocol, guestPort, hostAddress, hostPort };
  });
}

/** What a network's process did wrong, as an error for the user. */
export function networkFailed(name: string, error: unknown): MockerError {
  const reason = error instanceof Error ? error.message : String(error);
  return new MockerError("NETWORK_FAILED", `network ${name} does not work: ${reason}`, { cause: error });
}
