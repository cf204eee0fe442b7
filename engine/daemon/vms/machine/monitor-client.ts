import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, MockerError } from "../../../protocol/errors.ts";
import { FrameDecoder, FrameType, frameHeader } from "../../../protocol/stream.ts";

/** What the guest agent says of itself when it first dials. */
export interface AgentHello {
  protocol: number;
  /** `uname -r` of the guest. */
  kernel: string;
  /** Since the guest kernel started. */
  bootMs: number;
}

export type MainState = "none" | "running" | "exited";

/** A process to run in the guest, as the agent's `start` and `exec` take it. */
export interface GuestProcess {
  /** `main`, or the exec's id. */
  stream: string;
  argv: string[];
  env: string[];
  cwd: string;
  user: string;
  tty: boolean;
  rows: number;
  cols: number;
  stdin: boolean;
  detach?: boolean;
  /** Instead of `argv`: nothing, until it is ended. Of main processes only. */
  idle?: boolean;
  /** Instead of `argv`: the root file system as a tar archive on stdout. Not of main processes. */
  archive?: boolean;
}

export type GuestRootfs =
  | { kind: "disks"; lower: string; lowerType: "erofs"; upper: string; upperType: "ext4" }
  /** `middle` lies between the two, and is only read. */
  | { kind: "overlay"; lower: string; middle?: string; upper: string; work: string };

export type GuestMount =
  | { kind: "virtiofs" | "bind"; source: string; target: string; readOnly: boolean }
  /** `sizeBytes` 0 leaves the limit to the kernel. */
  | { kind: "tmpfs"; target: string; readOnly: boolean; sizeBytes: number };

export interface GuestConfiguration {
  hostname: string;
  rootfs: GuestRootfs;
  mounts: GuestMount[];
  dns: { servers: string[]; search: string[]; options: string[] };
  /** Address and name of each extra line of /etc/hosts. */
  hosts: [string, string][];
  timeUnixNs: number;
  /** Nothing that is written in the guest, outside volumes, is wanted after the main process's end. */
  disposable: boolean;
}

interface AgentMethods {
  configure: { params: GuestConfiguration; result: { kernel: string } };
  start: { params: GuestProcess; result: { pid: number } };
  exec: { params: GuestProcess; result: { pid: number } };
  signal: { params: { target: string; signal: number }; result: unknown };
  resize: { params: { target: string; rows: number; cols: number }; result: unknown };
  stop: { params: { signal: number; graceMs: number }; result: unknown };
}

/** The agent's error codes in the user's terms. */
const agentErrorCodes: Record<string, ErrorCode> = {
  NOT_FOUND: "COMMAND_NOT_FOUND",
  NOT_EXECUTABLE: "COMMAND_NOT_EXECUTABLE",
  NO_USER: "INVALID_ARGUMENT",
  BAD_CWD: "COMMAND_NOT_EXECUTABLE",
  BAD_MOUNT: "MOUNT_INVALID",
};

type Message =
  | { id: string; result?: unknown; error?: { code: string; message: string } }
  | { event: "monitor"; params: { agent: AgentHello | null; main: MainState } }
  | { event: "execExited"; params: { id: string; code: number } };

interface Pending {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

/**
 * Control connection to one VM's monitor, and through it to the guest agent. Requests sent before the agent has
 * dialled in are queued by the monitor. Request ids are random, so that a new engine never takes an answer meant
 * for its predecessor.
 */
export class MonitorClient {
  readonly #path: string;
  readonly #socket: Socket;
  readonly #pending = new Map<string, Pending>();
  readonly #idPrefix = randomBytes(4).toString("hex");
  #nextId = 0;
  agent: AgentHello | null = null;
  main: MainState = "none";
  readonly #stateListeners = new Set<() => void>();

  private constructor(path: string, socket: Socket) {
    this.#path = path;
    this.#socket = socket;
    const decoder = new FrameDecoder((type, payload) => {
      if (type === FrameType.json)
        this.#receive(JSON.parse(Buffer.from(payload).toString("utf8")) as Message);
    });
    socket.on("data", (chunk) => {
      try {
        decoder.push(chunk);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on("error", () => undefined);
    socket.on("close", () => this.#fail());
  }

  /**
   * Connects to `monitor.sock`, waiting for a monitor that is just starting. Gives up with AGENT_UNREACHABLE after
   * `timeoutMs`, or at once when `signal` says that the monitor has ended.
   */
  static async connect(path: string, timeoutMs: number, signal?: AbortSignal): Promise<MonitorClient> {
    const socket = await dial(path, timeoutMs, signal);
    const client = new MonitorClient(path, socket);
    sendJson(socket, { hello: { role: "control" } });
    return client;
  }

  get connected(): boolean {
    return !this.#socket.destroyed;
  }

  /** Resolves when `condition` holds; false when the monitor went away first. */
  async waitFor(condition: () => boolean): Promise<boolean> {
    while (!condition()) {
      if (this.#socket.destroyed) return false;
      await new Promise<void>((resolve) => {
        const listener = (): void => {
          this.#stateListeners.delete(listener);
          resolve();
        };
        this.#stateListeners.add(listener);
      });
    }
    return true;
  }

  request<M extends keyof AgentMethods>(
    method: M,
    params: AgentMethods[M]["params"],
  ): Promise<AgentMethods[M]["result"]> {
    const id = `${this.#idPrefix}-${this.#nextId++}`;
    return new Promise<unknown>((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(unreachable());
        return;
      }
      this.#pending.set(id, { resolve, reject });
      sendJson(this.#socket, { id, method, params });
    }) as Promise<AgentMethods[M]["result"]>;
  }

  /** Stream of the main process: replay, then live output; takes stdin frames. Paused until somebody reads. */
  async openAttach(replayBytes: number, stdin: boolean): Promise<Socket> {
    const socket = await dial(this.#path, 5000);
    sendJson(socket, { hello: { role: "attach", replayBytes, stdin } });
    return socket;
  }

  /** Our end of the exec stream `id`; the monitor joins it with the guest's. */
  async openStream(id: string): Promise<Socket> {
    const socket = await dial(this.#path, 5000);
    sendJson(socket, { hello: { role: "stream", id } });
    return socket;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(message: Message): void {
    if ("event" in message) {
      if (message.event === "monitor") {
        this.agent = message.params.agent;
        this.main = message.params.main;
        this.#notify();
      }
      return;
    }
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if (message.error) pending.reject(agentError(message.error));
    else pending.resolve(message.result);
  }

  #fail(): void {
    for (const pending of this.#pending.values()) pending.reject(unreachable());
    this.#pending.clear();
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#stateListeners]) listener();
  }
}

function agentError(error: { code: string; message: string }): MockerError {
  return new MockerError(agentErrorCodes[error.code] ?? "VM_FAILED", error.message);
}

function unreachable(): MockerError {
  return new MockerError("AGENT_UNREACHABLE", "the VM ended before it answered");
}

function sendJson(socket: Socket, message: unknown): void {
  const payload = Buffer.from(JSON.stringify(message));
  socket.write(Buffer.concat([frameHeader(FrameType.json, payload.length), payload]));
}

async function dial(path: string, timeoutMs: number, signal?: AbortSignal): Promise<Socket> {
  const deadline = Date.now() + timeoutMs;
  for (let delayMs = 1; ; delayMs = Math.min(delayMs * 2, 20)) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        const socket = connect({ path, allowHalfOpen: true });
        socket.once("connect", () => {
          socket.off("error", reject);
          resolve(socket);
        });
        socket.once("error", reject);
      });
    } catch (error) {
      if (signal?.aborted) throw unreachable();
      if (Date.now() > deadline) {
        throw new MockerError("AGENT_UNREACHABLE", "the VM's monitor does not answer", { cause: error });
      }
      await sleep(delayMs);
    }
  }
}
