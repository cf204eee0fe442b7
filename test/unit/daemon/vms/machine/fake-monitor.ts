/**
 * A monitor for the tests of everything above it: real frames over a real unix socket, answers by the test,
 * and no process. It ends when the test, its guest's answers or the engine end it.
 */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import type { LaunchSpec } from "../../../../../engine/daemon/vms/machine/launch-spec.ts";
import type {
  HostUsage,
  Launcher,
  MonitorProcess,
} from "../../../../../engine/daemon/vms/machine/launcher.ts";
import type { VmExitRecord } from "../../../../../engine/daemon/vms/records/vm-record.ts";
import { FrameDecoder, FrameType, frameHeader } from "../../../../../engine/protocol/stream.ts";
import { afterFile } from "../../../../support/after-file.ts";

type Fields = Record<string, unknown>;

export interface MonitorScript {
  /** False: it never makes its socket. */
  listens?: boolean;
  /** What it says of the agent to an engine that connects; null while there is none. */
  agent?: null;
  /** As by SIGSTOP: it does not see its guest die. */
  isStopped?: boolean;
  /** It takes connections and says nothing, as one that is stopped. */
  silent?: boolean;
  /**
   * Its guest's answers by method; `undefined` for none at all. Methods that are not here are answered as by
   * a guest that is well.
   */
  answers?: Record<string, (params: Fields, monitor: FakeMonitor) => Fields | undefined>;
}

/** An answer that is an error of the agent's. */
export function agentError(code: string, message: string): Fields {
  return { error: { code, message } };
}

/** The process of a monitor's guest is so far from the monitor's own. */
export const guestPids = 1000;

const monitors: FakeMonitor[] = [];

afterFile(() => {
  for (const monitor of monitors) monitor.die();
});

export class FakeMonitor {
  readonly spec: LaunchSpec;
  readonly requests: { method: string; params: Fields }[] = [];
  /** Streams of the main process and of execs, as the engine opened them. */
  readonly streams: { hello: Fields; socket: Socket }[] = [];
  control: Socket | undefined;
  /** How many engines have connected. */
  controls = 0;
  /** What it says of the main process to an engine that connects. */
  main: "none" | "running" | "exited" = "none";
  paused = false;
  isOver = false;
  #refusesControl = false;
  silent: boolean;
  readonly #script: MonitorScript;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #onExit: (() => void)[] = [];
  readonly #onChange = new Set<() => void>();

  constructor(spec: LaunchSpec, script: MonitorScript) {
    monitors.push(this);
    this.spec = spec;
    this.#script = script;
    this.silent = script.silent ?? false;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    if (script.listens !== false) this.#server.listen(join(spec.runDir, "monitor.sock"));
  }

  /** Resolves when `condition` holds; it is looked at whenever something has come from the engine. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const listener = (): void => {
          this.#onChange.delete(listener);
          resolve();
        };
        this.#onChange.add(listener);
      });
    }
  }

  /** The first request of this method, once it has come. */
  async request(method: string): Promise<Fields> {
    const find = () => this.requests.find((request) => request.method === method);
    await this.until(() => find() !== undefined);
    return find()?.params ?? {};
  }

  methods(): string[] {
    return this.requests.map(({ method }) => method);
  }

  /** Sends the engine a message over the control connection. */
  tell(message: unknown): void {
    this.tellBytes(json(message));
  }

  tellBytes(bytes: Uint8Array): void {
    this.control?.write(bytes);
  }

  /** The guest has ended: the monitor writes down how, and ends. */
  exit(exit: Partial<VmExitRecord> = {}): void {
    const record: VmExitRecord = {
      version: 1,
      exitCode: 0,
      signal: null,
      reason: "exited",
      message: "",
      startedAt: "2026-01-01T00:00:00.000Z",
      finishedAt: "2026-01-01T00:00:01.000Z",
      ...exit,
    };
    try {
      writeFileSync(join(this.spec.stateDir, "exit.json"), JSON.stringify(record));
    } catch {
      // As on a full disk.
    }
    this.main = "exited";
    this.announce(record);
    this.control?.end();
    this.die();
  }

  /** Its record, for the next engine, too; its pid is its place among the launcher's monitors. */
  writeRuntime(pid = 1): void {
    const record = {
      version: 1,
      pid,
      startTimeTicks: pid,
      childPid: guestPids + pid,
      childStartTimeTicks: pid,
      startedAt: "2026-01-01T00:00:00.000Z",
    };
    writeFileSync(join(this.spec.stateDir, "runtime.json"), JSON.stringify(record));
  }

  /** Its guest's process was killed: it says so, unless it is stopped itself. */
  guestDied(): void {
    if (this.#script.isStopped) return;
    this.exit({ exitCode: 137, reason: "vm-died", message: "the VM's process was killed by SIGKILL" });
  }

  /** As by SIGKILL: nothing is written. */
  die(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    for (const listener of this.#onExit) setImmediate(listener);
  }

  onExit(listener: () => void): void {
    if (this.isOver) setImmediate(listener);
    else this.#onExit.push(listener);
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
    let isControl: boolean | undefined;
    const decoder = new FrameDecoder((type, payload) => {
      if (type !== FrameType.json) return;
      const message = JSON.parse(Buffer.from(payload).toString("utf8")) as Fields;
      if (isControl === undefined) isControl = this.#welcome(socket, message.hello as Fields);
      else if (isControl) this.#serve(message);
      for (const listener of [...this.#onChange]) listener();
    });
    socket.on("data", (chunk) => {
      if (isControl !== false) decoder.push(chunk);
    });
  }

  #welcome(socket: Socket, hello: Fields): boolean {
    if (hello.role === "control" && this.#refusesControl) {
      socket.destroy();
      return false;
    }
    if (hello.role !== "control") {
      this.streams.push({ hello, socket });
      return false;
    }
    // As the real one: the engine that comes last is heard.
    this.control?.destroy();
    this.control = socket;
    this.controls++;
    socket.on("end", () => socket.end());
    if (!this.silent) this.announce();
    return true;
  }

  /** Says how it is. */
  announce(exit: VmExitRecord | null = null): void {
    const agent = this.#script.agent === null ? null : { protocol: 1, kernel: "6.12.0", bootMs: 5 };
    this.tell({ event: "monitor", params: { agent, main: this.main, exit, paused: this.paused } });
  }

  /** No engine gets a connection any more, and the one there is has ended. */
  refuseControl(): void {
    this.#refusesControl = true;
    this.control?.destroy();
  }

  #serve({ id, method, params }: Fields): void {
    const name = String(method);
    this.requests.push({ method: name, params: params as Fields });
    const answer = (this.#script.answers?.[name] ?? usualAnswers[name])?.(params as Fields, this);
    if (answer) this.tell({ id, ...("error" in answer ? answer : { result: answer }) });
  }
}

const usualAnswers: NonNullable<MonitorScript["answers"]> = {
  configure: () => ({ kernel: "6.12.0" }),
  start: () => ({ pid: 2 }),
  exec: () => ({ pid: 7 }),
  resize: () => ({}),
  signal: ({ target, signal }, monitor) => {
    if (target === "main" && signal === 9) monitor.exit({ exitCode: 137, signal: 9 });
    return {};
  },
  stop: (_, monitor) => {
    monitor.exit({ exitCode: 143, signal: 15 });
    return {};
  },
  ping: () => ({}),
  pause: (_, monitor) => {
    monitor.paused = true;
    return {};
  },
  unpause: (_, monitor) => {
    monitor.paused = false;
    return {};
  },
  stats: () => ({ memoryUsedBytes: 1_000_000, processes: 3 }),
};

/** Launches fake monitors. */
export class FakeLauncher implements Launcher {
  readonly agentPath = "/agent";
  readonly monitors: FakeMonitor[] = [];
  /** Pids of the monitors that were killed from outside. */
  readonly kills: number[] = [];
  /** What every guest's process takes of the host. */
  hostUsage: HostUsage | undefined;
  /** So many calls of `watch` and of `kill` fail, as without descriptors. */
  scarce = 0;
  /** How the next monitors behave. */
  script: MonitorScript = {};
  readonly #waiting: ((monitor: FakeMonitor) => void)[] = [];

  spawn(specPath: string): MonitorProcess {
    const monitor = new FakeMonitor(JSON.parse(readFileSync(specPath, "utf8")) as LaunchSpec, this.script);
    const pid = this.monitors.push(monitor);
    for (const resolve of this.#waiting.splice(0)) resolve(monitor);
    return { pid, startTimeTicks: pid };
  }

  watch({ pid }: MonitorProcess, onExit: () => void): void {
    this.#useDescriptor();
    this.monitors[pid - 1]?.onExit(onExit);
  }

  kill({ pid }: MonitorProcess): void {
    this.#useDescriptor();
    this.kills.push(pid);
    if (pid <= guestPids) this.monitors[pid - 1]?.die();
    else this.monitors[pid - guestPids - 1]?.guestDied();
  }

  usage(): HostUsage | undefined {
    return this.hostUsage;
  }

  isLocked(lockPath: string): boolean {
    return this.monitors.some(({ spec, isOver }) => !isOver && spec.stateDir === dirname(lockPath));
  }

  holderOf(lockPath: string): MonitorProcess | undefined {
    const index = this.monitors.findIndex(
      ({ spec, isOver }) => !isOver && spec.stateDir === dirname(lockPath),
    );
    return index < 0 ? undefined : { pid: index + 1, startTimeTicks: index + 1 };
  }

  #useDescriptor(): void {
    if (this.scarce === 0) return;
    this.scarce--;
    throw Object.assign(new Error("pidfd_open 1: too many open files"), { code: "EMFILE" });
  }

  /** The monitor that is launched next. */
  next(): Promise<FakeMonitor> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The monitor that was launched last. */
  get last(): FakeMonitor {
    const monitor = this.monitors.at(-1);
    if (!monitor) throw new Error("no monitor was launched");
    return monitor;
  }
}

export function json(message: unknown): Uint8Array {
  const payload = Buffer.from(JSON.stringify(message));
  return Buffer.concat([frameHeader(FrameType.json, payload.length), payload]);
}

/** Everything that comes over a socket until its end. */
export async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  return Buffer.concat(chunks).toString("utf8");
}
