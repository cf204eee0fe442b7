import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { MockerError } from "../../../protocol/errors.ts";
import { FrameDecoder, FrameType, frameHeader } from "../../../protocol/stream.ts";
import { toldExit } from "../records/exit-record.ts";
import type { VmExitRecord } from "../records/vm-record.ts";
import { type AgentHello, type AgentRequests, agentErrorCodes } from "./agent-protocol.ts";

export type MainState = "none" | "running" | "exited";

export interface MonitorClientOptions {
  /** How long a monitor that is just starting is waited for. */
  timeoutMs: number;
  /** Aborted when the monitor's process has ended. */
  signal?: AbortSignal;
  /** An exec has ended. The guest says so: neither need the id be known, nor come only once. */
  onExecExited?: (id: string, exitCode: number) => void;
}

interface Pending {
  resolve: (result: Fields) => void;
  reject: (error: Error) => void;
}

/** A JSON object whose members are yet to be checked: the guest may have written it. */
export type Fields = Record<string, unknown>;

/**
 * Control connection to one machine's monitor, and through it to the guest agent. Requests sent before the
 * agent has dialled in are queued by the monitor. Request ids are random, so that a new engine never takes an
 * answer meant for its predecessor. The guest is hostile: what makes no sense is ignored, what is no frame at
 * all ends the connection.
 */
export class MonitorClient {
  readonly #path: string;
  readonly #socket: Socket;
  readonly #onExecExited: (id: string, exitCode: number) => void;
  readonly #pending = new Map<string, Pending>();
  readonly #idPrefix = randomBytes(4).toString("hex");
  #nextId = 0;
  #agent: AgentHello | undefined;
  #main: MainState | undefined;
  #exit: VmExitRecord | undefined;
  readonly #stateListeners = new Set<() => void>();
  /** Resolves when the connection has ended and everything that came over it was handled. */
  readonly closed: Promise<void>;

  private constructor(path: string, socket: Socket, options: MonitorClientOptions) {
    this.#path = path;
    this.#socket = socket;
    this.#onExecExited = options.onExecExited ?? (() => undefined);
    const decoder = new FrameDecoder((type, payload) => {
      if (type === FrameType.json) this.#receive(JSON.parse(Buffer.from(payload).toString("utf8")));
    });
    socket.on("data", (chunk) => {
      try {
        decoder.push(chunk);
      } catch {
        socket.destroy();
      }
    });
    socket.on("end", () => socket.destroy());
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#fail();
        resolve();
      });
    });
  }

  /**
   * Connects to `monitor.sock`.
   * @throws AGENT_UNREACHABLE when the time is over, or at once when the monitor has ended
   */
  static async connect(path: string, options: MonitorClientOptions): Promise<MonitorClient> {
    const socket = await dial(path, options.timeoutMs, options.signal);
    const client = new MonitorClient(path, socket, options);
    sendJson(socket, { hello: { role: "control" } });
    return client;
  }

  get connected(): boolean {
    return !this.#socket.destroyed;
  }

  /** What the agent has told of itself, once it has dialled in. */
  get agent(): AgentHello | undefined {
    return this.#agent;
  }

  /** The main process; undefined until the monitor has said anything of it. */
  get main(): MainState | undefined {
    return this.#main;
  }

  /** How the VM has ended, if the monitor has said so. */
  get exit(): VmExitRecord | undefined {
    return this.#exit;
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

  /**
   * Asks the agent. @returns its answer, unchecked
   * @throws AGENT_UNREACHABLE when the connection ends first; the agent's own error in the user's terms
   */
  request<M extends keyof AgentRequests>(method: M, params: AgentRequests[M]): Promise<Fields> {
    const id = `${this.#idPrefix}-${this.#nextId++}`;
    return new Promise<Fields>((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(unreachable());
        return;
      }
      this.#pending.set(id, { resolve, reject });
      sendJson(this.#socket, { id, method, params });
    });
  }

  /** Stream of the main process: replay, then live output; takes stdin frames. Paused until it is read. */
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

  #receive(message: unknown): void {
    if (!isFields(message)) return;
    if (message.event === "monitor") this.#announced(message.params);
    else if (message.event === "execExited") this.#execExited(message.params);
    else if (typeof message.id === "string") this.#answered(message.id, message);
  }

  #announced(params: unknown): void {
    if (!isFields(params)) return;
    const { agent, main, exit } = params;
    if (main === "none" || main === "running" || main === "exited") this.#main = main;
    this.#exit = toldExit(exit) ?? this.#exit;
    if (isFields(agent) && typeof agent.kernel === "string") {
      this.#agent = {
        protocol: numberOr(agent.protocol, 0),
        kernel: agent.kernel,
        bootMs: numberOr(agent.bootMs, 0),
      };
    }
    this.#notify();
  }

  #execExited(params: unknown): void {
    if (!isFields(params) || typeof params.id !== "string") return;
    this.#onExecExited(params.id, Math.min(Math.max(Math.trunc(numberOr(params.code, 255)), 0), 255));
  }

  #answered(id: string, answer: Fields): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    if (isFields(answer.error)) pending.reject(agentError(answer.error));
    else pending.resolve(isFields(answer.result) ? answer.result : {});
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

/** A member of an answer as a number; `fallback` where it is none. */
export function numberOr(value: unknown, fallback: number): number {
  return typeof value === "number" && Number.isFinite(value) ? value : fallback;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function agentError({ code, message }: Fields): MockerError {
  const known =
    typeof code === "string" && Object.hasOwn(agentErrorCodes, code) ? agentErrorCodes[code] : undefined;
  return new MockerError(
    known ?? "VM_FAILED",
    typeof message === "string" ? message : "the guest agent failed",
  );
}

function unreachable(): MockerError {
  return new MockerError("AGENT_UNREACHABLE", "the VM ended before it answered");
}

function sendJson(socket: Socket, message: unknown): void {
  const payload = Buffer.from(JSON.stringify(message));
  socket.write(Buffer.concat([frameHeader(FrameType.json, payload.length), payload]));
}

async function dial(path: string, timeoutMs: number, signal?: AbortSignal): Promise<Socket> {
  const start = Date.now();
  const deadline = start + timeoutMs;
  // A socket that is made again at the user's next log-in may take its time.
  for (let delayMs = 1; ; delayMs = Math.min(delayMs * 2, Date.now() - start > 5000 ? 500 : 20)) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        const socket = connect({ path, allowHalfOpen: true });
        socket.once("connect", () => resolve(socket));
        // Later errors are seen by their "close".
        socket.on("error", reject);
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
