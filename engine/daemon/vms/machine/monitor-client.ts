import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { wellFormed } from "../../../docker/well-formed.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { FrameDecoder, FrameType, frameHeader } from "../../../protocol/stream.ts";
import type { JailLayer } from "../../../protocol/vm.ts";
import { toldExit } from "../records/exit-record.ts";
import type { VmExitRecord } from "../records/vm-record.ts";
import { type AgentHello, type AgentRequests, agentErrorCodes } from "./agent-protocol.ts";
import { longSleep } from "./long-sleep.ts";
import {
  type AgentResult,
  type MainState,
  type MonitorMessage,
  parseMonitorMessage,
} from "./monitor-messages.ts";

/** What one message may have, as the monitor and the agent take it. */
const maxMessageBytes = 1024 * 1024;
const defaultAgentTimeoutMs = 30_000;
/** Before the agent has dialled in, the monitor minds the time; this is for one that does not. */
const maxBootMs = 10 * 60_000;

/** How long the guest agent may take to answer what it can answer at once. */
export function agentTimeoutMs(): number {
  return Number(process.env.MOCKER_AGENT_TIMEOUT_MS ?? defaultAgentTimeoutMs);
}

/** The guest agent may still do what it was asked for. */
export class AgentTimeout extends MockerError {
  constructor(timeoutMs: number, silent = "the guest agent") {
    super("AGENT_UNREACHABLE", `${silent} did not answer within ${timeoutMs / 1000} seconds`, {
      hint: "The VM is frozen or overloaded. Try again, or end it with: mocker kill, or mocker rm -f.",
    });
  }
}

/** The monitor takes connections and says nothing, as one that is stopped or swapped out. */
function silentMonitor(timeoutMs: number): AgentTimeout {
  return new AgentTimeout(timeoutMs, "the VM's monitor");
}

export interface MonitorClientOptions {
  /** How long a monitor that is just starting is waited for. */
  timeoutMs: number;
  /** Aborted when the monitor's process has ended. */
  signal?: AbortSignal;
  /** An exec has ended. The guest says so: the id need not be known. */
  onExecExited?: (id: string, exitCode: number) => void;
}

interface Pending {
  resolve: (result: AgentResult) => void;
  reject: (error: Error) => void;
  timeoutMs: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Control connection to one machine's monitor, and through it to the guest agent. Requests sent before the
 * agent has dialled in are queued by the monitor. Request ids are random, so that a new engine never takes an
 * answer meant for its predecessor. What no monitor says ends the connection: it can be made anew.
 */
export class MonitorClient {
  readonly #path: string;
  readonly #socket: Socket;
  readonly #onExecExited: (id: string, exitCode: number) => void;
  readonly #pending = new Map<string, Pending>();
  readonly #idPrefix = randomBytes(4).toString("hex");
  #nextId = 0;
  #agent: AgentHello | undefined;
  #jail: JailLayer[] | undefined;
  #main: MainState | undefined;
  #paused = false;
  #exit: VmExitRecord | undefined;
  readonly #stateListeners = new Set<() => void>();
  /** Resolves when the connection has ended and everything that came over it was handled. */
  readonly closed: Promise<void>;

  private constructor(path: string, socket: Socket, options: MonitorClientOptions) {
    this.#path = path;
    this.#socket = socket;
    this.#onExecExited = options.onExecExited ?? (() => undefined);
    const decoder = new FrameDecoder((type, payload) => {
      if (type !== FrameType.json) return;
      const message = parseMonitorMessage(JSON.parse(Buffer.from(payload).toString("utf8")));
      if (!message) throw new Error("no message of a monitor");
      this.#receive(message);
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

  /** What contains the VM's process, once that has told. */
  get jail(): readonly JailLayer[] | undefined {
    return this.#jail;
  }

  /** The main process; undefined until the monitor has said anything of it. */
  get main(): MainState | undefined {
    return this.#main;
  }

  /** Whether the VM was paused, as the monitor said last. */
  get paused(): boolean {
    return this.#paused;
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
   * Resolves when the monitor has said how it is, which it does at once.
   * @throws AGENT_UNREACHABLE when it says nothing, or goes away
   */
  async heard(): Promise<void> {
    if (this.#main !== undefined) return;
    const timeoutMs = agentTimeoutMs();
    const late = new AbortController();
    const isHeard = await Promise.race([
      this.waitFor(() => this.#main !== undefined),
      longSleep(timeoutMs, late.signal).catch(() => undefined),
    ]);
    late.abort();
    if (isHeard === undefined) throw silentMonitor(timeoutMs);
    if (!isHeard) throw unreachable();
  }

  /**
   * Asks the agent. Its time begins when it is there; that of a monitor which says nothing begins at once.
   * @throws AGENT_UNREACHABLE when the connection ends first, or nothing has come within `timeoutMs`;
   * INVALID_ARGUMENT for what is too long to be sent; the agent's own error in the user's terms
   */
  request<M extends keyof AgentRequests>(
    method: M,
    params: AgentRequests[M],
    timeoutMs = agentTimeoutMs(),
  ): Promise<AgentResult> {
    const id = `${this.#idPrefix}-${this.#nextId++}`;
    return new Promise<AgentResult>((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(unreachable());
        return;
      }
      const message = jsonFrame({ id, method, params });
      if (message.length > maxMessageBytes) {
        reject(
          new MockerError(
            "INVALID_ARGUMENT",
            "what the VM is told (its names, mounts and hosts) exceeds 1 MiB",
          ),
        );
        return;
      }
      this.#pending.set(id, { resolve, reject, timeoutMs, timer: undefined });
      this.#startTimer(id);
      this.#socket.write(message);
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

  #receive(message: MonitorMessage): void {
    if (message.kind === "monitor") this.#announced(message);
    else if (message.kind === "execExited") this.#onExecExited(message.id, message.exitCode);
    else if (message.kind === "answer") this.#settle(message.id)?.resolve(message.result);
    else if (message.kind === "error") this.#settle(message.id)?.reject(agentError(message));
  }

  #announced({ agent, main, exit, jail, paused }: Extract<MonitorMessage, { kind: "monitor" }>): void {
    const isNew = this.#main === undefined || (this.#agent === undefined && agent !== undefined);
    this.#main = main;
    this.#jail = jail ?? this.#jail;
    this.#paused = paused;
    this.#exit = toldExit(exit) ?? this.#exit;
    this.#agent = agent ?? this.#agent;
    if (isNew) for (const id of this.#pending.keys()) this.#startTimer(id);
    this.#notify();
  }

  #startTimer(id: string): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    clearTimeout(pending.timer);
    const { timeoutMs } = pending;
    const isHeard = this.#main !== undefined;
    pending.timer = setTimeout(
      () => this.#settle(id)?.reject(isHeard ? new AgentTimeout(timeoutMs) : silentMonitor(timeoutMs)),
      timeoutMs + (this.#agent || !isHeard ? 0 : maxBootMs),
    ).unref();
  }

  /** Nobody waits for this answer any longer. */
  #settle(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    clearTimeout(pending?.timer);
    this.#pending.delete(id);
    return pending;
  }

  #fail(): void {
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(unreachable());
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#stateListeners]) listener();
  }
}

function agentError({ code, message }: { code: string; message: string }): MockerError {
  // As Docker, which goes by the words: a directory that is not there is a file that is not.
  const isMissing = code === "BAD_CWD" && message.endsWith("no such file or directory");
  const key = isMissing ? "NOT_FOUND" : code;
  const known = Object.hasOwn(agentErrorCodes, key) ? agentErrorCodes[key] : undefined;
  return new MockerError(known ?? "VM_FAILED", message === "" ? "the guest agent failed" : message);
}

function unreachable(): MockerError {
  return new MockerError("AGENT_UNREACHABLE", "the VM ended, or its monitor hung up, before it answered");
}

function jsonFrame(message: unknown): Buffer {
  let text = JSON.stringify(message);
  // Records of older versions may have text that is no Unicode, which no other reader of JSON takes.
  if (/\\ud[89a-f]/i.test(text)) {
    text = JSON.stringify(message, (_, value) => (typeof value === "string" ? wellFormed(value) : value));
  }
  const payload = Buffer.from(text);
  return Buffer.concat([frameHeader(FrameType.json, payload.length), payload]);
}

function sendJson(socket: Socket, message: unknown): void {
  socket.write(jsonFrame(message));
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
