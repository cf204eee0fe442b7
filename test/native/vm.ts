import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LogEntryDecoder, timeText } from "../../engine/daemon/vms/logs/log-entry.ts";
import { FrameDecoder, FrameType, frameHeader } from "../../engine/protocol/stream.ts";
import { stretched } from "../support/paths.ts";

/** Where the binaries under test are. */
export const nativeDir = resolve(process.env.MOCKER_NATIVE_DIR ?? "dist/native");

export type Json = Record<string, unknown>;

export interface ExitRecord {
  version: number;
  exitCode: number;
  signal: number | null;
  reason: string;
  message: string;
  startedAt: string;
  finishedAt: string;
}

export interface ExitFrame {
  code: number;
  signal?: number;
  reason?: string;
  message?: string;
}

export class AgentError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export function encodeFrame(type: FrameType, payload: Uint8Array | string): Buffer {
  const bytes = Buffer.from(payload as Uint8Array);
  return Buffer.concat([frameHeader(type, bytes.length), bytes]);
}

export function jsonFrame(value: unknown): Buffer {
  return encodeFrame(FrameType.json, JSON.stringify(value));
}

/** The state's members of an object that may be anything. */
export function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Json)[key] : undefined;
}

/** A connection to a process: an attach or an exec stream. */
export class ProcessStream {
  readonly socket: Socket;
  readonly #out: Buffer[] = [];
  readonly #err: Buffer[] = [];
  /** Resolves with the exit frame; rejects when the connection closes without one. */
  readonly exit: Promise<ExitFrame>;
  /** Resolves when the hello is sent: what is asked of the monitor from then on comes after it. */
  readonly connected: Promise<void>;
  /** Called for each piece of output, if set. */
  onOutput: ((type: FrameType, bytes: Buffer) => void) | undefined;
  /** Called with why the stream is broken off, if set. */
  onError: ((message: string) => void) | undefined;
  /** Keep the bytes of {@link stdout} and {@link stderr}. */
  keep = true;

  constructor(socket: Socket) {
    this.socket = socket;
    this.connected = new Promise((resolve) => {
      socket.write("", () => resolve());
    });
    this.exit = new Promise((done, fail) => {
      const decoder = new FrameDecoder((type, payload) => {
        const bytes = Buffer.from(payload);
        if (type === FrameType.json) {
          const frame = JSON.parse(bytes.toString()) as { exit?: ExitFrame; error?: { message: string } };
          if (frame.exit) done(frame.exit);
          if (frame.error) this.onError?.(frame.error.message);
          return;
        }
        if (this.keep) (type === FrameType.stdout ? this.#out : this.#err).push(bytes);
        this.onOutput?.(type, bytes);
      });
      socket.on("data", (chunk) => decoder.push(chunk));
      socket.on("error", () => {});
      socket.on("end", () => socket.end());
      socket.on("close", () => fail(new Error("the stream was closed without an exit frame")));
    });
    this.exit.catch(() => {});
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#out);
  }
  get stderr(): Buffer {
    return Buffer.concat(this.#err);
  }

  write(bytes: Uint8Array | string): boolean {
    return this.socket.write(encodeFrame(FrameType.stdin, bytes));
  }
  endInput(): void {
    this.socket.write(encodeFrame(FrameType.stdin, ""));
  }

  /** Waits until the standard output matches. */
  async waitFor(pattern: RegExp, timeoutMs = 10_000): Promise<void> {
    await until(
      () => pattern.test(this.stdout.toString("latin1")),
      timeoutMs,
      () => {
        return `${pattern} in ${JSON.stringify(this.stdout.toString("latin1").slice(-500))}`;
      },
    );
  }
}

export async function until(
  condition: () => boolean,
  timeoutMs = 60_000,
  what?: () => string,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`timed out waiting for ${what?.() ?? condition.toString()}`);
    await sleep(5);
  }
}

/** A network card, as the launch spec has it. */
export interface Card {
  socketPath: string;
  endpointId: string;
  mac: string;
  networkName?: string;
}

export interface VmOptions {
  /** Run the monitor as this user instead of the current one (which must be root). */
  uid?: number;
  network?: "host" | "none";
  cards?: Card[];
  logMaxBytes?: number;
  logMaxFiles?: number;
  /** False: its output goes to no log. */
  logKept?: boolean;
  agentPath?: string;
  /** Boot a VM of the krun runtime with this library instead of a simulated one. */
  libkrunPath?: string;
  /** The same with this section of a launch spec. */
  krun?: Json;
  /** Of that VM: paths below its own directory. */
  shares?: { path: string; readOnly?: boolean }[];
  /** A library that the monitor loads first: see jail/without-namespaces.ts. */
  preload?: string;
  /** Root's workload may have the host's ids. */
  hostIds?: boolean;
  /** The library is beside the monitor's program, as Mocker's own is. */
  bundled?: boolean;
  /** Of the krun VM: it runs even where its process gets no root of its own. */
  weakJail?: boolean;
  /** Changes the lower tree before the start. */
  prepare?: (lower: string) => void;
}

/** One simulated VM with its own folders, driven as the engine drives it. */
export class Vm {
  readonly dir: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly lower: string;
  readonly options: VmOptions;
  monitor: ChildProcess;
  /** Resolves with the monitor's exit status. */
  monitorExit: Promise<number | null>;
  monitorEvents: Json[] = [];
  agentEvents: Json[] = [];
  readonly #binaries: string;
  #control: Socket | undefined;
  /** Whoever attaches before the start hears all of it. */
  readonly #attaching: Promise<void>[] = [];
  #nextId = 1;
  readonly #pending = new Map<string, { done: (result: unknown) => void; fail: (error: Error) => void }>();

  /** Folders and a running monitor, without waiting for the agent. */
  constructor(options: VmOptions = {}) {
    this.options = options;
    this.dir = mkdtempSync("/tmp/mocker-native-");
    chmodSync(this.dir, 0o755);
    this.stateDir = join(this.dir, "state");
    this.runDir = join(this.dir, "run");
    this.lower = join(this.dir, "lower");
    for (const name of ["state", "run", "lower", "upper", "work"]) mkdirSync(join(this.dir, name));
    makeRoot(this.lower);
    options.prepare?.(this.lower);
    // An ordinary user need not be able to see where the binaries were built.
    let binaries = nativeDir;
    let { libkrunPath } = options;
    if (options.uid !== undefined || options.bundled) {
      binaries = join(this.dir, "native");
      mkdirSync(binaries);
      for (const name of ["mocker-vmm", "mocker-agent"]) {
        copyFileSync(join(nativeDir, name), join(binaries, name));
        chmodSync(join(binaries, name), 0o755);
      }
      if (libkrunPath !== undefined) {
        copyFileSync(libkrunPath, join(binaries, "libkrun.so.1"));
        libkrunPath = join(binaries, "libkrun.so.1");
      }
      if (options.uid !== undefined) chownTree(this.dir, options.uid);
    }
    const spec = {
      version: 1,
      vmId: "ab".repeat(32),
      runtime: (options.libkrunPath ?? options.krun) === undefined ? "simulation" : "krun",
      stateDir: this.stateDir,
      runDir: this.runDir,
      agentPath: options.agentPath ?? join(binaries, "mocker-agent"),
      bootTimeoutMs: 60_000,
      log: {
        maxBytes: options.logMaxBytes ?? 1 << 30,
        maxFiles: options.logMaxFiles ?? 4,
        kept: options.logKept ?? true,
      },
      cards: options.cards ?? [],
      simulation: {
        network: options.network ?? "none",
        hostIds: options.hostIds ?? false,
        paths: [this.dir],
      },
      krun: options.krun ?? {
        libkrunPath: libkrunPath ?? null,
        kernelPath: libkrunPath ?? null,
        cpus: 1,
        memoryMiB: 128,
        disks: [],
        diskFiles: [],
        shares: (options.shares ?? []).map(({ path, readOnly = false }, index) => ({
          tag: `vol${index}`,
          path: join(this.dir, path),
          readOnly,
        })),
        network: options.network === "none" ? "none" : "tsi",
        weakJail: options.weakJail ?? false,
        consolePath: join(this.stateDir, "console.log"),
      },
    };
    writeFileSync(join(this.stateDir, "vmm.json"), JSON.stringify(spec));
    this.#binaries = binaries;
    [this.monitor, this.monitorExit] = this.#launch();
  }

  #launch(): [ChildProcess, Promise<number | null>] {
    const command = [join(this.#binaries, "mocker-vmm"), join(this.stateDir, "vmm.json")];
    const { uid, preload } = this.options;
    if (uid !== undefined) command.unshift("setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups");
    if (uid !== undefined && this.options.cards) command.unshift(...withTapsForAll(this.dir));
    const monitor = spawn(command[0] as string, command.slice(1), {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: { ...process.env, ...(preload === undefined ? {} : { LD_PRELOAD: preload }) },
    });
    for (const stream of [monitor.stdout, monitor.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        this.vmmLog += chunk.toString();
      });
    }
    return [monitor, new Promise((done) => monitor.on("exit", (code) => done(code)))];
  }

  /** Starts the same VM again after its end, and waits for its agent. */
  async restart(): Promise<void> {
    this.#control?.destroy();
    this.monitorEvents = [];
    [this.monitor, this.monitorExit] = this.#launch();
    await this.connect();
    await this.#agentIsThere();
  }

  async #agentIsThere(): Promise<void> {
    const there = (): boolean => this.monitorEvents.some((event) => member(event, "agent"));
    await until(there, stretched(20_000), () => `the agent's hello; ${this.vmmLog}`);
  }

  /** What the monitor wrote for its own log. */
  vmmLog = "";

  static async boot(options: VmOptions = {}): Promise<Vm> {
    const vm = new Vm(options);
    try {
      await vm.connect();
      await vm.#agentIsThere();
    } catch (error) {
      await vm.dispose();
      throw error;
    }
    return vm;
  }

  /** Booted and configured. */
  static async configured(options: VmOptions & { config?: Json } = {}): Promise<Vm> {
    const vm = await Vm.boot(options);
    try {
      await vm.configure(options.config);
    } catch (error) {
      await vm.dispose();
      throw error;
    }
    return vm;
  }

  async connect(): Promise<void> {
    const path = join(this.runDir, "monitor.sock");
    await until(
      () => existsSync(path),
      20_000,
      () => `monitor.sock; ${this.vmmLog}`,
    );
    const socket = connect(path);
    socket.on("error", () => {});
    const decoder = new FrameDecoder((_type, payload) =>
      this.#onControl(JSON.parse(Buffer.from(payload).toString()) as Json),
    );
    socket.on("data", (chunk) => decoder.push(chunk));
    socket.write(jsonFrame({ hello: { role: "control" } }));
    this.#control = socket;
  }

  #onControl(message: Json): void {
    if (typeof message.id === "string") {
      const pending = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      const error = message.error;
      if (error)
        pending?.fail(new AgentError(String(member(error, "code")), String(member(error, "message"))));
      else pending?.done(message.result);
    } else if (message.event === "monitor") {
      this.monitorEvents.push(message.params as Json);
    } else {
      this.agentEvents.push(message);
    }
  }

  /** A request to the agent. Rejects with {@link AgentError}. */
  request(method: string, params: Json = {}): Promise<unknown> {
    const id = `t${this.#nextId++}`;
    return new Promise((done, fail) => {
      this.#pending.set(id, { done, fail });
      this.#control?.write(jsonFrame({ id, method, params }));
    });
  }

  dropControl(): void {
    this.#control?.destroy();
  }

  async configure(config: Json = {}): Promise<void> {
    await this.request("configure", {
      hostname: "box",
      rootfs: {
        kind: "overlay",
        lower: this.lower,
        upper: join(this.dir, "upper"),
        work: join(this.dir, "work"),
      },
      mounts: [],
      dns: { servers: ["192.0.2.53"], search: ["example"], options: ["ndots:1"] },
      hosts: [["192.0.2.7", "db"]],
      timeUnixNs: Date.now() * 1e6,
      ...config,
    });
  }

  async start(argv: string[], params: Json = {}): Promise<unknown> {
    await Promise.all(this.#attaching);
    return this.request("start", { ...processParams(argv), stream: "main", ...params });
  }

  connection(hello: Json): Socket {
    const socket = connect({ path: join(this.runDir, "monitor.sock"), allowHalfOpen: true });
    socket.on("error", () => {});
    socket.write(jsonFrame({ hello }));
    return socket;
  }

  attach(params: Json = {}): ProcessStream {
    const stream = new ProcessStream(
      this.connection({ role: "attach", replayBytes: 65_536, stdin: true, ...params }),
    );
    this.#attaching.push(stream.connected);
    return stream;
  }

  stream(id: string): ProcessStream {
    return new ProcessStream(this.connection({ role: "stream", id }));
  }

  async exec(id: string, argv: string[], params: Json = {}): Promise<ProcessStream> {
    const stream = this.stream(id);
    await this.request("exec", { ...processParams(argv), stream: id, ...params });
    return stream;
  }

  /** Runs `argv` as the main process to its end. */
  async run(argv: string[], params: Json = {}): Promise<{ exit: ExitFrame; stdout: string; stderr: string }> {
    const stream = this.attach();
    await this.start(argv, params);
    const exit = await stream.exit;
    return { exit, stdout: stream.stdout.toString("latin1"), stderr: stream.stderr.toString("latin1") };
  }

  exitRecord(): ExitRecord {
    return JSON.parse(readFileSync(join(this.stateDir, "exit.json"), "utf8")) as ExitRecord;
  }

  runtimeRecord(): { pid: number; childPid: number; startTimeTicks: number } {
    return JSON.parse(readFileSync(join(this.stateDir, "runtime.json"), "utf8"));
  }

  /** The log's entries, oldest first, from all of its files. */
  logEntries(): LogEntry[] {
    const names = readdirSync(this.stateDir).filter((name) => /^log(\.\d+)?$/.test(name));
    const age = (name: string): number => Number(name.split(".")[1] ?? 0);
    names.sort((a, b) => age(b) - age(a));
    return names.flatMap((name) => {
      const text = readFileSync(join(this.stateDir, name));
      // Of an entry that is being written this moment a reader may see the beginning.
      const live = this.monitor.exitCode === null && this.monitor.signalCode === null;
      return parseLog(live ? text.subarray(0, text.lastIndexOf(10) + 1) : text);
    });
  }

  /** What the log says was written to a stream. */
  logged(stream: string): Buffer {
    const parts = this.logEntries().filter((entry) => entry.stream === stream);
    return Buffer.concat(
      parts.flatMap((entry) => (entry.full ? [entry.bytes, Buffer.from("\n")] : [entry.bytes])),
    );
  }

  /**
   * Ends the VM however it is, checks that the monitor had no complaint of a sanitizer, and removes the
   * folders.
   */
  async dispose(): Promise<void> {
    this.monitor.kill("SIGKILL");
    await this.monitorExit;
    this.#control?.destroy();
    await until(
      () => !this.hasProcesses(),
      10_000,
      () => "the end of the VM's processes",
    );
    rmSync(this.dir, { recursive: true, force: true });
    if (/AddressSanitizer|LeakSanitizer|runtime error:/.test(this.vmmLog)) throw new Error(this.vmmLog);
  }

  /** Whether the child named in runtime.json is alive. */
  hasProcesses(): boolean {
    const path = join(this.stateDir, "runtime.json");
    if (!existsSync(path)) return false;
    return isAlive(this.runtimeRecord().childPid);
  }
}

export function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

export interface LogEntry {
  time: string;
  stream: string;
  full: boolean;
  bytes: Buffer;
}

export function parseLog(text: Buffer): LogEntry[] {
  const lines = text.toString("latin1").split("\n");
  if (lines.pop() !== "") throw new Error("the log's last entry is not terminated");
  const headers = lines[0]?.startsWith("# ") ? 1 : 0;
  const entries = new LogEntryDecoder().push(text);
  if (entries.length !== lines.length - headers) throw new Error(`not a log: ${text.toString("latin1")}`);
  return entries.map(({ time, stream, partial, data }) => ({
    time: timeText(time),
    stream,
    full: !partial,
    bytes: partial ? data : data.subarray(0, -1),
  }));
}

function processParams(argv: string[]): Json {
  return {
    argv,
    env: ["PATH=/usr/bin:/bin"],
    cwd: "/",
    user: "",
    tty: false,
    rows: 24,
    cols: 80,
    stdin: true,
    rlimits: [],
  };
}

const applets =
  "sh cat echo true false sleep id pwd env ls stat stty hostname head dd kill ps sha256sum touch readlink mount grep wc seq tr printf test mkdir chmod awk yes ulimit nproc whoami tty ip ping nc";

/** A root file system of a static busybox. */
function makeRoot(root: string): void {
  for (const name of ["bin", "etc", "tmp", "usr/bin", "root", "home/alice"])
    mkdirSync(join(root, name), { recursive: true });
  chmodSync(join(root, "tmp"), 0o1777);
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  chmodSync(join(root, "bin/busybox"), 0o755);
  for (const applet of applets.split(" ")) symlinkSync("busybox", join(root, "bin", applet));
  writeFileSync(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\nbob:x:1001:1001::/nowhere:/bin/sh\n",
  );
  writeFileSync(
    join(root, "etc/group"),
    "root:x:0:\nalice:x:1000:\nwheel:x:10:root,alice\naudio:x:29:alice\nbob:x:1001:\n",
  );
}

/**
 * Runs a command where every user may make taps, as udev lets them; a test machine's device may be for root
 * alone.
 */
function withTapsForAll(directory: string): string[] {
  const node = join(directory, "tun");
  if (!existsSync(node)) execFileSync("mknod", ["-m", "0666", node, "c", "10", "200"]);
  return ["unshare", "--mount", "sh", "-c", `mount --bind ${node} /dev/net/tun && exec "$@"`, "sh"];
}

function chownTree(path: string, uid: number): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) chownTree(inner, uid);
    else if (!entry.isSymbolicLink()) chownSync(inner, uid, uid);
  }
  chownSync(path, uid, uid);
}
