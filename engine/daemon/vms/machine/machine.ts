import { randomBytes } from "node:crypto";
import { renameSync, rmSync, statSync } from "node:fs";
import { open, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isOutOfDescriptors } from "../../../common/descriptors.ts";
import { readJsonFile } from "../../../common/json-file.ts";
import { makeDirectory } from "../../../common/make-directory.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { JailLayer } from "../../../protocol/vm.ts";
import type { Log } from "../../log.ts";
import {
  failedMonitor,
  failedStart,
  keepExit,
  killedMonitor,
  startExitCode,
} from "../records/exit-record.ts";
import type { VmExitRecord, VmFiles } from "../records/vm-record.ts";
import type { AgentHello, GuestConfiguration, GuestMount, GuestProcess } from "./agent-protocol.ts";
import { type Cgroups, removeLeftCgroup } from "./cgroups/cgroups.ts";
import { changeLimits, type LimitChange } from "./cgroups/live-limits.ts";
import type { CopyPath } from "./copy-path.ts";
import type { Exec } from "./exec.ts";
import type { FileTask } from "./file-task.ts";
import type { LaunchSpec } from "./launch-spec.ts";
import type { HostUsage, Launcher, MonitorProcess } from "./launcher.ts";
import { longSleep } from "./long-sleep.ts";
import { AgentTimeout, agentTimeoutMs, MonitorClient } from "./monitor-client.ts";

const defaultBootTimeoutMs = 60_000;
/** Guest agents that know all the file tasks there are. */
const fileTaskProtocol = 2;
const connectTimeoutMs = 10_000;
/** How long a monitor that does not answer any more may take to end by itself. */
const lastWordsTimeoutMs = 2_000;
/** What failed for want of descriptors is tried again after that. */
const scarceMs = 200;
const maxMonitorLogBytes = 512 * 1024;
/** Beyond a stop's own grace: the agent kills, syncs and unmounts in this time, or the monitor is killed. */
const haltTimeoutMs = 20_000;
/** How long a lost connection to the monitor is waited for by what needs it. */
const reconnectTimeoutMs = 5_000;
/** Between attempts to make it again; it doubles from the first to the last. */
const redialMs = { first: 10, last: 2_000 };
/** A connection that lasted so long was a good one. */
const goodConnectionMs = 10_000;
const configureTimeoutMs = 120_000;
/** A volume is filled with what the image has there, which may be much. */
const fillTimeoutMs = 60 * 60_000;
/** How long a guest may take at most to hear of KILL, before it is ended from outside. */
const killTimeoutMs = 10_000;
/** How long a monitor may take to write down the end of its child. */
const recordTimeoutMs = 5_000;
/** From a process's end to its exit status. */
const reapTimeoutMs = 1_000;
/**
 * About 68 years: what is longer is no number of milliseconds that every reader of JSON takes for an integer.
 */
const longestGraceMs = 2 ** 31 * 1000;

const jailHint =
  "See: mocker doctor. To run it all the same, with less between a hostile guest and your files: --security-opt jail=weak";

/** Where a machine lives. */
export interface MachinePlace {
  /** 64 hex digits. */
  id: string;
  /** Its directory: the launch spec, the monitor's records and lock, logs. */
  files: VmFiles;
  /** Short directory for its sockets; made at its start, gone with its end. */
  runDir: string;
  launcher: Launcher;
  /** Absent: its processes get no cgroup. */
  cgroups?: Pick<Cgroups, "launch">;
  log: Log;
}

/** What is launched. */
export type MachineSpec = Pick<
  LaunchSpec,
  "runtime" | "autoRemove" | "log" | "cards" | "krun" | "simulation"
>;

/**
 * What a guest uses at a moment, and has used since its start, as its agent says; zeros where an older one
 * says nothing.
 */
export interface MachineStats {
  memoryUsedBytes: number;
  /** Processes, without the kernel's and the agent itself. */
  processes: number;
  /** Of those processes. */
  threads: number;
  cpuUs: number;
  networkReceivedBytes: number;
  networkSentBytes: number;
  blockReadBytes: number;
  blockWrittenBytes: number;
}

/**
 * One launch of a machine, from its monitor's process to its end: launch, connect, start; meanwhile execs,
 * streams and archives. It knows nothing of VMs, their names or their records: a VM has a machine while it
 * runs, and a helper machine is one without a VM. Whatever ends the monitor's process ends the machine; the
 * monitor's exit record says how, or one that is made here.
 */
export class Machine {
  /** RFC 3339. */
  readonly startedAt: string;
  /** Resolves when the monitor's process is gone and its record is known. Never rejects. */
  readonly ended: Promise<VmExitRecord>;
  readonly #place: MachinePlace;
  readonly #process: MonitorProcess;
  readonly #processEnd = new AbortController();
  readonly #execs = new Map<string, Exec>();
  #client: MonitorClient | undefined;
  #connecting: Promise<void> | undefined;
  #agent: AgentHello | undefined;
  #redialMs = redialMs.first;
  /** Why it was ended from here, where the monitor says nothing better. */
  #failure: VmExitRecord | undefined;

  private constructor(place: MachinePlace, process: MonitorProcess, startedAt: string) {
    this.#place = place;
    this.#process = process;
    this.startedAt = startedAt;
    this.ended = this.#processEnded().then(() => this.#finish());
  }

  /**
   * Starts a machine's monitor, unless `signal` comes first.
   * @param onLaunch called in the same turn of the event loop: no monitor runs that its owner does not know
   * @throws the signal's reason
   */
  static async launch(
    place: MachinePlace,
    spec: MachineSpec,
    { signal, onLaunch }: { signal?: AbortSignal; onLaunch?: (machine: Machine) => void } = {},
  ): Promise<Machine> {
    const { id, files, runDir, launcher, cgroups } = place;
    const whole: LaunchSpec = {
      version: 1,
      vmId: id,
      stateDir: files.dir,
      runDir,
      agentPath: launcher.agentPath,
      bootTimeoutMs: Number(process.env.MOCKER_BOOT_TIMEOUT_MS ?? defaultBootTimeoutMs),
      ...(cgroups && { cgroup: await cgroups.launch(id, spec) }),
      ...spec,
    };
    signal?.throwIfAborted();
    makeDirectory(runDir);
    try {
      // Read at once by the monitor, and written anew for every start: it need not survive a crash.
      await writeFile(files.specPath, JSON.stringify(whole), { mode: 0o600 });
      // From here on in one turn of the event loop: a start that is cancelled leaves the last one's records.
      signal?.throwIfAborted();
      rmSync(files.exitPath, { force: true });
      rmSync(files.runtimePath, { force: true });
      boundLog(files.vmmLogPath);
      const process = launcher.spawn(files.specPath, files.vmmLogPath);
      const machine = new Machine(place, process, new Date().toISOString());
      onLaunch?.(machine);
      return machine;
    } catch (error) {
      await rm(runDir, { recursive: true, force: true }).catch(() => undefined);
      throw error;
    }
  }

  /** A machine that a previous engine launched and whose monitor runs. @throws STATE_CORRUPT */
  static async adopt(place: MachinePlace): Promise<Machine> {
    const { files, launcher } = place;
    // The lock is taken a moment before the record is written.
    for (let attempt = 0; attempt < 100; attempt++) {
      const record = await files.readRuntime().catch((error) => {
        if (isOutOfDescriptors(error)) throw error;
        return undefined;
      });
      if (record) {
        const runDir = record.runDir ?? (await launchedRunDir(files)) ?? place.runDir;
        return new Machine({ ...place, runDir }, record, record.startedAt);
      }
      await sleep(20);
    }
    const holder = launcher.holderOf(files.lockPath);
    if (!holder) {
      throw new MockerError("STATE_CORRUPT", `the monitor in ${files.dir} runs but left no runtime.json`);
    }
    const runDir = (await launchedRunDir(files)) ?? place.runDir;
    return new Machine({ ...place, runDir }, holder, new Date().toISOString());
  }

  /** The monitor's process. */
  get pid(): number {
    return this.#process.pid;
  }
  /** Whether the monitor can be asked. */
  get connected(): boolean {
    return this.#client?.connected ?? false;
  }
  /** Whether the monitor could be asked at some time: a connection that is lost is made again. */
  get reached(): boolean {
    return this.#client !== undefined;
  }
  get agent(): AgentHello | undefined {
    return this.#client?.agent ?? this.#agent;
  }
  /** Whether it is paused, as the monitor said last. */
  get paused(): boolean {
    return this.#client?.paused ?? false;
  }
  /** What contains its process on the host, as far as that has told. */
  get jail(): readonly JailLayer[] | undefined {
    return this.#client?.jail;
  }

  /** Connects to the monitor of a machine that was just launched. @throws AGENT_UNREACHABLE */
  connect(): Promise<void> {
    return this.#connect(connectTimeoutMs);
  }

  /**
   * Connects to the monitor of an adopted machine, however long that takes: one that is stopped, swapped out
   * or without its socket is no reason to end its guest.
   * @returns whether its main process was started; undefined when the machine ended before it was heard of
   */
  async resume(): Promise<boolean | undefined> {
    while (!this.#processEnd.signal.aborted) {
      const isConnected = await this.#connect(Number.POSITIVE_INFINITY).then(
        () => true,
        () => false,
      );
      const client = this.#client;
      if (!isConnected || !client) continue;
      if (await client.waitFor(() => client.main !== undefined)) return client.main !== "none";
    }
    return undefined;
  }

  /**
   * Configures the guest and starts its main process.
   * @param onConfigured called in between, where the caller has to know that moment
   * @throws COMMAND_NOT_FOUND, AGENT_UNREACHABLE, …; what `onConfigured` throws
   */
  async start(
    configuration: GuestConfiguration,
    main: GuestProcess,
    onConfigured?: () => void,
  ): Promise<void> {
    const client = await this.#reachable();
    const limitMs = configuration.mounts.some(mayFill) ? fillTimeoutMs : configureTimeoutMs;
    if (onConfigured) {
      await client.request("configure", configuration, limitMs);
      onConfigured();
      await client.request("start", main);
      return;
    }
    // Both at once: the agent takes them in order, and a round trip into the guest is not free.
    const configured = client.request("configure", configuration, limitMs);
    const started = client.request("start", main, limitMs + agentTimeoutMs());
    started.catch(() => undefined);
    await configured;
    await started;
  }

  /** Ends a machine whose start has failed, records why, and returns the error for the user. */
  async fail(error: unknown): Promise<Error> {
    const failure = error instanceof Error ? error : new Error(String(error));
    const isUnanswered =
      failure instanceof MockerError &&
      failure.code === "AGENT_UNREACHABLE" &&
      !(failure instanceof AgentTimeout);
    if (!isUnanswered) this.#failure ??= failedStart(failure);
    if (this.connected) this.kill();
    else await this.endWithin(lastWordsTimeoutMs);
    const exit = await this.ended;
    if (!isUnanswered) return failure;
    if (exit.reason === "jail-refused") {
      return new MockerError("FEATURE_UNAVAILABLE", exit.message, { hint: jailHint, cause: error });
    }
    const hint = (await this.#lastMonitorLine()) ?? `See ${this.#place.files.vmmLogPath}.`;
    return new MockerError("VM_FAILED", exit.message || failure.message, { hint, cause: error });
  }

  /**
   * Stream of the main process: replay, then live output; takes stdin frames.
   * @throws AGENT_UNREACHABLE when nobody is there whose output could come
   */
  async attach(replayBytes: number, stdin: boolean): Promise<Socket> {
    const client = await this.#reachable();
    await client.heard();
    const stream = await client.openAttach(replayBytes, stdin);
    if (client.main !== "running") return stream;
    try {
      await client.request("ping", {});
    } catch (error) {
      // A machine that ends just now has its last words in the stream.
      if (!(error instanceof AgentTimeout)) return stream;
      stream.destroy();
      throw error;
    }
    return stream;
  }

  /** Starts an exec. @returns its stream, unless it is detached @throws COMMAND_NOT_FOUND, … */
  async exec(exec: Exec): Promise<Socket | undefined> {
    this.#execs.set(exec.id, exec);
    try {
      const { pid, stream } = await this.#run(exec.process);
      exec.started(pid);
      return stream;
    } catch (error) {
      this.#execs.delete(exec.id);
      exec.ended(startExitCode(error));
      throw error;
    }
  }

  /**
   * Stream of the root file system without mounts and volumes, or of what `copy` names in it or in a volume,
   * as a tar archive, made by the agent. Status 2 says that there is no such path.
   */
  archive(copy?: CopyPath): Promise<Socket> {
    return this.fileTask(
      copy === undefined ? ["export"] : ["copy", copy.path, copy.name, copy.followLink ? "follow" : ""],
    );
  }

  /** Stream of what the agent itself does with the machine's files. @throws FEATURE_UNAVAILABLE */
  async fileTask(task: FileTask): Promise<Socket> {
    // An older agent takes whatever it does not know for an export.
    if (task[0] !== "export" && task[0] !== "copy") await this.#requireProtocol(fileTaskProtocol);
    return await this.#runAgent({ argv: [...task], archive: true, stdin: task[0] === "extract" });
  }

  /** Stream of the list of the guest's processes, see usage/process-list.ts; made by the agent. */
  async processes(): Promise<Socket> {
    return await this.#runAgent({ argv: ["mocker-process-list"], processes: true, stdin: false });
  }

  /** Runs what the agent does by itself, in a process of its own. */
  async #runAgent(own: Pick<GuestProcess, "argv" | "archive" | "processes" | "stdin">): Promise<Socket> {
    const { stream } = await this.#run({
      stream: randomBytes(32).toString("hex"),
      env: [],
      cwd: "/",
      user: "",
      tty: false,
      rows: 24,
      cols: 80,
      ...own,
    });
    if (!stream) throw new Error("what is not detached has a stream");
    return stream;
  }

  async #requireProtocol(protocol: number): Promise<void> {
    const client = await this.#reachable();
    await client.waitFor(() => client.agent !== undefined);
    if ((client.agent?.protocol ?? 0) >= protocol) return;
    throw new MockerError(
      "FEATURE_UNAVAILABLE",
      "the VM was started by an older Mocker, which cannot do this",
      {
        hint: "Restart it: mocker restart, and try again.",
      },
    );
  }

  /** `target`: `main` or an exec's id. */
  async signal(target: string, signal: number): Promise<void> {
    const client = await this.#reachable();
    await client.request("signal", { target, signal });
  }

  /** `target`: `main` or an exec's id. */
  async resize(target: string, rows: number, cols: number): Promise<void> {
    const client = await this.#reachable();
    await client.request("resize", { target, rows, cols });
  }

  async stats(): Promise<MachineStats> {
    const client = await this.#reachable();
    const { pid: _pid, ...stats } = await client.request("stats", {});
    return stats;
  }

  /**
   * What the machine's own process, the monitor's child, takes of the host; undefined when that cannot be
   * seen.
   */
  async hostUsage(): Promise<HostUsage | undefined> {
    const record = await this.#place.files.readRuntime().catch(() => undefined);
    if (record?.pid !== this.#process.pid || !(record.childPid > 0)) return undefined;
    const startTimeTicks = record.childStartTimeTicks ?? 0;
    return this.#place.launcher.usage({ pid: record.childPid, startTimeTicks });
  }

  /**
   * Stops all processes of the machine where they are, or lets them go on; nothing is lost by it. What is
   * asked of the guest meanwhile has no answer. @throws FEATURE_UNAVAILABLE, VM_FAILED, AGENT_UNREACHABLE
   */
  async setPaused(paused: boolean): Promise<void> {
    const client = await this.#reachable();
    try {
      await client.request(paused ? "pause" : "unpause", {});
    } catch (error) {
      if (!(error instanceof MockerError) || !/^method ".*" is not known$/.test(error.message)) throw error;
      throw new MockerError(
        "FEATURE_UNAVAILABLE",
        "the VM was started by an older Mocker, which pauses none",
        {
          hint: "Stop it, and start it again.",
          cause: error,
        },
      );
    }
  }

  /**
   * Sends a signal to the main process and, after the grace, KILL; resolves when the machine has ended. A
   * guest that has not ended then is ended from outside. `graceSeconds` may be any number; negative: for
   * ever.
   */
  async stop(
    signal: number,
    { graceSeconds, keepsFiles }: { graceSeconds: number; keepsFiles: boolean },
  ): Promise<void> {
    const graceMs = graceSeconds < 0 ? -1 : Math.min(Math.ceil(graceSeconds * 1000), longestGraceMs);
    this.#reachable()
      .then((client) => client.request("stop", { signal, graceMs, keepsFiles }))
      .catch(() => undefined);
    if (graceMs < 0) await this.ended;
    else await this.endWithin(graceMs + haltTimeoutMs);
  }

  /** Changes what it may use while it runs, see {@link changeLimits}. */
  async changeLimits(change: LimitChange): Promise<string | undefined> {
    return await changeLimits(this.#place.files, change);
  }

  /** KILL to the main process, and to a guest that does not end by that; resolves at the end. */
  async terminate(): Promise<void> {
    if (await this.#killInside()) await this.endWithin(haltTimeoutMs);
    else await this.#killGuest();
    await this.ended;
  }

  /** Resolves at the machine's end; kills its guest when `timeoutMs` are over. */
  async endWithin(timeoutMs: number): Promise<void> {
    if (!(await this.#endsWithin(timeoutMs))) await this.#killGuest();
    await this.ended;
  }

  /**
   * Kills the monitor, and with it the guest. `why` is the exit record, unless the monitor wrote of a failed
   * start.
   */
  kill(why?: VmExitRecord): void {
    if (this.#processEnd.signal.aborted) return;
    this.#failure ??= why;
    try {
      this.#place.launcher.kill(this.#process);
    } catch (error) {
      // Out of descriptors: the kill stays due.
      this.#place.log.error("machine.kill", error, { machine: this.#place.id });
      setTimeout(() => this.kill(), scarceMs);
    }
  }

  /** Resolves when the monitor's process is gone. */
  async #processEnded(): Promise<void> {
    for (;;) {
      try {
        await new Promise<void>((resolve) => this.#place.launcher.watch(this.#process, resolve));
        return;
      } catch (error) {
        // Out of descriptors. It ends some time, and then somebody has to know.
        this.#place.log.error("machine.watch", error, { machine: this.#place.id });
        await sleep(scarceMs);
      }
    }
  }

  /** False: the guest has not heard of it. */
  async #killInside(): Promise<boolean> {
    if (!this.#client?.connected) return false;
    const limitMs = Math.min(killTimeoutMs, agentTimeoutMs());
    try {
      await this.#client.request("signal", { target: "main", signal: 9 }, limitMs);
      return true;
    } catch (error) {
      return !(error instanceof MockerError) || error.code !== "AGENT_UNREACHABLE";
    }
  }

  /**
   * Kills the guest from outside. Its process comes first, so that its monitor writes down the rest of the
   * log and how it ended; the monitor only when it does not.
   */
  async #killGuest(): Promise<void> {
    const record = await this.#place.files.readRuntime().catch(() => undefined);
    if (this.#processEnd.signal.aborted) return;
    if (record?.pid === this.#process.pid && record.childPid > 0 && record.childStartTimeTicks) {
      try {
        this.#place.launcher.kill({ pid: record.childPid, startTimeTicks: record.childStartTimeTicks });
        await this.#endsWithin(recordTimeoutMs);
      } catch (error) {
        this.#place.log.error("machine.killGuest", error, { machine: this.#place.id });
      }
    }
    this.kill();
  }

  /** Whether the machine ends in this time. */
  async #endsWithin(timeoutMs: number): Promise<boolean> {
    const timer = new AbortController();
    const late = longSleep(timeoutMs, timer.signal).then(
      () => false,
      () => false,
    );
    const hasEnded = await Promise.race([this.ended.then(() => true), late]);
    timer.abort();
    return hasEnded;
  }

  /** One attempt at a time: the monitor hears the engine that came last. */
  #connect(timeoutMs: number): Promise<void> {
    this.#connecting ??= this.#dial(timeoutMs).finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #dial(timeoutMs: number): Promise<void> {
    if (this.#client?.connected) return;
    const client = await MonitorClient.connect(join(this.#place.runDir, "monitor.sock"), {
      timeoutMs,
      signal: this.#processEnd.signal,
      onExecExited: (id, exitCode) => {
        this.#execs.get(id)?.ended(exitCode);
        this.#execs.delete(id);
      },
    });
    this.#client = client;
    const startMs = performance.now();
    client.closed.then(() => {
      this.#agent = client.agent ?? this.#agent;
      if (performance.now() - startMs > goodConnectionMs) this.#redialMs = redialMs.first;
      this.#redial();
    });
  }

  /** Makes a lost connection again, as long as the monitor's process lives. */
  async #redial(): Promise<void> {
    while (!this.#client?.connected) {
      const delayMs = this.#redialMs;
      this.#redialMs = Math.min(delayMs * 2, redialMs.last);
      await longSleep(delayMs, this.#processEnd.signal).catch(() => undefined);
      if (this.#processEnd.signal.aborted) return;
      await this.#connect(reconnectTimeoutMs).catch(() => undefined);
    }
  }

  async #run(process: GuestProcess): Promise<{ pid: number; stream: Socket | undefined }> {
    const client = await this.#reachable();
    const stream = process.detach ? undefined : await client.openStream(process.stream);
    try {
      const { pid } = await client.request("exec", process);
      return { pid, stream };
    } catch (error) {
      stream?.destroy();
      // It must not run after all when the agent hears of it at last.
      if (error instanceof AgentTimeout) {
        client.request("signal", { target: process.stream, signal: 9 }).catch(() => undefined);
      }
      throw error;
    }
  }

  async #reachable(): Promise<MonitorClient> {
    if (this.#processEnd.signal.aborted) throw new MockerError("AGENT_UNREACHABLE", "the VM has just ended");
    if (this.#client || this.#connecting) {
      // An adoption that goes on waits for ever.
      const late = new AbortController();
      await Promise.race([
        this.#connect(reconnectTimeoutMs).catch(() => undefined),
        longSleep(reconnectTimeoutMs, late.signal).catch(() => undefined),
      ]);
      late.abort();
    }
    if (!this.#client?.connected) {
      throw new MockerError("AGENT_UNREACHABLE", "the VM's monitor does not answer", {
        hint: "Try again, or end the VM with: mocker kill, or mocker rm -f.",
      });
    }
    return this.#client;
  }

  async #finish(): Promise<VmExitRecord> {
    this.#processEnd.abort();
    // What the monitor said last counts before its end does; its sockets end with it.
    const late = new AbortController();
    await Promise.race([
      this.#client?.closed,
      longSleep(lastWordsTimeoutMs, late.signal).catch(() => undefined),
    ]);
    late.abort();
    this.#client?.close();
    for (const exec of this.#execs.values()) exec.machineEnded();
    this.#execs.clear();
    const exit = await this.#exitRecord();
    await rm(this.#place.runDir, { recursive: true, force: true }).catch((error) =>
      this.#place.log.error("machine.runDir", error, { machine: this.#place.id }),
    );
    return exit;
  }

  /** The monitor's record; ours where it was killed, from here or from outside. */
  async #exitRecord(): Promise<VmExitRecord> {
    const { files, log, id } = this.#place;
    const written = await files.readExit().catch(() => undefined);
    const told = written ?? this.#client?.exit;
    const isTheirs = told !== undefined && (this.#failure === undefined || told.reason === "start-failed");
    const record = isTheirs ? told : (this.#failure ?? (await this.#unrecordedEnd()));
    if (written === undefined) await removeLeftCgroup(files);
    if (record !== written) {
      // A full disk must not keep a machine from having ended.
      keepExit(files, record, {
        isRunning: () => this.#place.launcher.isLocked(files.lockPath),
        onError: (error) => log.error("machine.exitRecord", error, { machine: id }),
      });
    }
    return record;
  }

  /** Where nobody has told how the machine ended. */
  async #unrecordedEnd(): Promise<VmExitRecord> {
    const status = await Promise.race([
      this.#process.exited,
      sleep(reapTimeoutMs, undefined, { ref: false }),
    ]);
    if (typeof status !== "number") return killedMonitor(this.startedAt);
    const hasStarted = (this.#client?.main ?? "none") !== "none";
    return failedMonitor(hasStarted ? this.startedAt : null);
  }

  async #lastMonitorLine(): Promise<string | undefined> {
    const file = await open(this.#place.files.vmmLogPath, "r").catch(() => undefined);
    if (!file) return undefined;
    try {
      const { size } = await file.stat();
      const { buffer, bytesRead } = await file.read(Buffer.alloc(2048), 0, 2048, Math.max(0, size - 2048));
      return buffer.toString("utf8", 0, bytesRead).trim().split("\n").at(-1) || undefined;
    } finally {
      await file.close();
    }
  }
}

/** Mounts that may have to be filled before they are there. */
function mayFill(mount: GuestMount): boolean {
  return mount.kind !== "tmpfs" && (mount.fill === true || mount.clear === true);
}

/** Where the sockets of a machine are whose monitor does not say it: as it was launched. */
async function launchedRunDir(files: VmFiles): Promise<string | undefined> {
  const spec = await readJsonFile<LaunchSpec>(files.specPath, 1).catch(() => undefined);
  return typeof spec?.runDir === "string" ? spec.runDir : undefined;
}

/** Each start adds to it: what is too long is kept once more, under another name. */
function boundLog(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > maxMonitorLogBytes) renameSync(path, `${path}.1`);
}
