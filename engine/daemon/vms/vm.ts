import { randomBytes } from "node:crypto";
import { mkdir, open, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import {
  agentPath,
  isLocked,
  killProcess,
  processStartTime,
  spawnVmm,
  watchProcess,
} from "../../../native/index.ts";
import { signalNumber } from "../../docker/signals.ts";
import { MockerError } from "../../protocol/errors.ts";
import { FrameType, frameHeader } from "../../protocol/stream.ts";
import type { VmDetails, VmExecParams, VmState, VmSummary } from "../../protocol/vm.ts";
import type { Log } from "../log.ts";
import { guestConfiguration, mainProcess, type TerminalSize } from "./machine/agent-requests.ts";
import { Attachment } from "./machine/attachment.ts";
import type { CopyPath } from "./machine/copy-path.ts";
import { MonitorClient } from "./machine/monitor-client.ts";
import { failedStart, killedMonitor, stateAfter } from "./records/exit-record.ts";
import type { VmConfig, VmExitRecord, VmFiles } from "./records/vm-record.ts";
import type { LaunchSpec } from "./runtimes/launch-spec.ts";
import type { PreparedVm, Runtime } from "./runtimes/runtime.ts";
import { detailsOf, summaryOf, type VmMoment } from "./vm-summary.ts";

const defaultBootTimeoutMs = 60_000;
/** Beyond a stop's own grace: the agent kills, syncs and unmounts in this time, or the VM's process is killed. */
const haltTimeoutMs = 20_000;

export type VmEvent = "started" | "exited" | "failed" | "changed";

/** What a VM needs of the engine around it. */
export interface VmHost {
  readonly log: Log;
  /** Short folder for the sockets of one VM. */
  runDir(vmId: string): string;
  changed(vm: Vm, event: VmEvent): void;
}

interface Process {
  pid: number;
  startTimeTicks: number;
}

/**
 * One VM: its record on disk, and while it runs the connection to its monitor. The monitor's lock and records are
 * the truth; this object follows them. One start, stop or removal at a time, in the order of the calls.
 */
export class Vm {
  readonly config: VmConfig;
  readonly files: VmFiles;
  readonly #host: VmHost;
  readonly #runtime: Runtime;
  readonly #idle: boolean;
  #state: VmState = "created";
  #startedAt: string | undefined;
  #exit: VmExitRecord | undefined;
  /** Why this start is being ended, until its end is recorded. */
  #failure: VmExitRecord | undefined;
  #client: MonitorClient | undefined;
  #process: Process | undefined;
  #ended: Promise<void> = Promise.resolve();
  #attachments: Attachment[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  removing = false;

  /** `idle`: its main process is none of the workload's, and does nothing. */
  constructor(config: VmConfig, files: VmFiles, runtime: Runtime, host: VmHost, idle = false) {
    this.#idle = idle;
    this.config = config;
    this.files = files;
    this.#runtime = runtime;
    this.#host = host;
  }

  get id(): string {
    return this.config.id;
  }
  get state(): VmState {
    return this.#state;
  }
  get running(): boolean {
    return this.#state === "running" || this.#state === "paused";
  }
  get runtime(): Runtime {
    return this.#runtime;
  }
  get exit(): VmExitRecord | undefined {
    return this.#exit;
  }
  /** Resolves when the VM that runs now has ended and its record is written; at once when none runs. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Takes up what an earlier engine left: a VM that runs goes on, one that ended meanwhile shows how. */
  async recover(): Promise<void> {
    if (isLocked(this.files.lockPath)) {
      await this.#adopt();
      return;
    }
    this.#exit = await this.files.readExit();
    if (!this.#exit && (await this.files.readRuntime())) this.#exit = await this.#recordKilledMonitor();
    this.#state = this.#exit ? stateAfter(this.#exit) : "created";
  }

  /** Boots the VM and answers when its main process runs. */
  start(size: TerminalSize): Promise<void> {
    return this.#exclusive(() => this.#start(size));
  }

  /** Does something that must not happen while the VM runs or starts. */
  whileStopped<T>(task: () => Promise<T>): Promise<T> {
    return this.#exclusive(task);
  }

  /** TERM (or the VM's stop signal), after the grace KILL; answers when the VM has ended. */
  async stop(signal: string | undefined, timeoutSeconds: number | undefined): Promise<void> {
    if (!this.running) return;
    const graceSeconds = timeoutSeconds ?? this.config.stopTimeoutSeconds;
    const graceMs = graceSeconds < 0 ? -1 : graceSeconds * 1000;
    this.#client
      ?.request("stop", { signal: signalNumber(signal ?? this.config.stopSignal), graceMs })
      .catch(() => undefined);
    if (graceMs < 0) await this.#ended;
    else await this.#endedWithin(graceMs + haltTimeoutMs);
  }

  /** Sends a signal to the main process. KILL also ends a guest that no longer answers. */
  async kill(signal: string | undefined): Promise<void> {
    const number = signalNumber(signal ?? "KILL");
    const client = this.#requireRunning();
    const answer = client.request("signal", { target: "main", signal: number });
    if (number !== 9) {
      await answer;
      return;
    }
    answer.catch(() => undefined);
    await this.#endedWithin(haltTimeoutMs);
  }

  /**
   * A client's stream of the main process. On a VM that does not run it waits for the next start, which loses
   * none of its output.
   */
  async attach(replayBytes: number, stdin: boolean): Promise<Attachment> {
    // Docker's StdinOnce: input ends with the client that gave it.
    const endsInput = stdin && this.config.openStdin && !this.config.tty;
    const attachment = new Attachment(
      endsInput ? (monitor) => monitor.writable && monitor.write(frameHeader(FrameType.stdin, 0)) : undefined,
    );
    const wanted = { replayBytes, stdin: stdin && this.config.openStdin };
    if (this.#client?.connected)
      attachment.connect(await this.#client.openAttach(wanted.replayBytes, wanted.stdin));
    else this.#waitingAttachments.push({ attachment, ...wanted });
    return attachment;
  }

  /**
   * Stream of the root file system, or of what `copy` names in it, as a tar archive, made by the agent: as the workload sees it, without
   * mounts and volumes. Status 2 says that there is no such path.
   */
  async export(copy?: CopyPath): Promise<Attachment> {
    const command =
      copy === undefined ? ["export"] : ["copy", copy.path, copy.name, copy.followLink ? "follow" : ""];
    const { attachment } = await this.exec({ vm: this.id, command, user: "" }, true);
    if (!attachment) throw new Error("an export has a stream");
    return attachment;
  }

  /** `archive`: not the command, but the archive of {@link export}. */
  async exec(params: VmExecParams, archive = false): Promise<{ execId: string; attachment?: Attachment }> {
    const client = this.#requireRunning();
    const execId = randomBytes(32).toString("hex");
    const tty = params.tty ?? false;
    const attachment = params.detach ? undefined : new Attachment();
    if (attachment) {
      this.#attachments.push(attachment);
      attachment.connect(await client.openStream(execId));
    }
    try {
      await client.request("exec", {
        stream: execId,
        argv: params.command,
        env: [...this.config.env, ...(tty ? ["TERM=xterm"] : []), ...(params.env ?? [])],
        cwd: params.workingDir ?? this.config.workingDir,
        user: params.user ?? this.config.user,
        tty,
        rows: params.rows ?? 24,
        cols: params.columns ?? 80,
        stdin: params.openStdin ?? false,
        detach: params.detach ?? false,
        ...(archive ? { archive } : {}),
      });
    } catch (error) {
      attachment?.close();
      throw error;
    }
    return attachment ? { execId, attachment } : { execId };
  }

  /** `target`: `main` or an exec's id. */
  async resize(target: string, size: TerminalSize): Promise<void> {
    await this.#requireRunning().request("resize", { target, rows: size.rows, cols: size.columns });
  }

  async signalExec(execId: string, signal: string): Promise<void> {
    await this.#requireRunning().request("signal", { target: execId, signal: signalNumber(signal) });
  }

  summary(): VmSummary {
    return summaryOf(this.config, this.#moment());
  }

  details(): VmDetails {
    return detailsOf(this.config, this.files, this.#moment());
  }

  #moment(): VmMoment {
    return {
      state: this.#state,
      running: this.running,
      startedAt: this.#startedAt,
      exit: this.#exit,
      pid: this.#process?.pid ?? 0,
      guestKernelVersion: this.#client?.agent?.kernel,
    };
  }

  readonly #waitingAttachments: { attachment: Attachment; replayBytes: number; stdin: boolean }[] = [];

  async #start(size: TerminalSize): Promise<void> {
    if (this.running) return;
    const prepared = await this.#runtime.prepare(this.config, this.files);
    const client = await this.#launch(prepared);
    this.#state = "running";
    try {
      for (const waiting of this.#waitingAttachments.splice(0)) {
        this.#attachments.push(waiting.attachment);
        waiting.attachment.connect(await client.openAttach(waiting.replayBytes, waiting.stdin));
      }
      // Both at once: the agent takes them in order, and a round trip into the guest is not free.
      const configured = client.request("configure", guestConfiguration(this.config, prepared));
      const started = client.request("start", mainProcess(this.config, size, this.#idle));
      configured.catch(() => undefined);
      started.catch(() => undefined);
      await configured;
      await started;
    } catch (error) {
      throw await this.#startFailed(error);
    }
    this.#host.changed(this, "started");
  }

  async #launch(prepared: PreparedVm): Promise<MonitorClient> {
    const runDir = this.#host.runDir(this.id);
    await mkdir(runDir, { recursive: true, mode: 0o700 });
    const spec: LaunchSpec = {
      version: 1,
      vmId: this.id,
      runtime: this.config.runtime,
      stateDir: this.files.dir,
      runDir,
      agentPath: agentPath(),
      bootTimeoutMs: Number(process.env.MOCKER_BOOT_TIMEOUT_MS ?? defaultBootTimeoutMs),
      autoRemove: this.config.autoRemove,
      log: { maxBytes: 64 * 1024 * 1024, maxFiles: 4 },
      ...prepared.launch,
    };
    // Read at once by the monitor, and written anew for every start: it need not survive a crash.
    await writeFile(this.files.specPath, JSON.stringify(spec), { mode: 0o600 });
    await rm(this.files.exitPath, { force: true });
    await rm(this.files.runtimePath, { force: true });
    this.#exit = undefined;
    this.#failure = undefined;
    const { pid } = spawnVmm({ specPath: this.files.specPath, logPath: this.files.vmmLogPath });
    // A monitor that has ended already is a zombie of ours, which still has its start time.
    this.#follow({ pid, startTimeTicks: processStartTime(pid) ?? 0 }, new Date().toISOString());
    const gone = new AbortController();
    this.#ended.then(() => gone.abort());
    try {
      this.#client = await MonitorClient.connect(`${runDir}/monitor.sock`, 10_000, gone.signal);
    } catch (error) {
      throw await this.#startFailed(error);
    }
    return this.#client;
  }

  /** Watches the monitor process; when it is gone, by whatever cause, the VM's record says how it ended. */
  #follow(process: Process, startedAt: string): void {
    this.#process = process;
    this.#startedAt = startedAt;
    this.#ended = new Promise<void>((resolve) => {
      const watch = watchProcess(process.pid, process.startTimeTicks, () => {
        watch.close();
        this.#finish()
          .catch((error) => this.#host.log.error("vm.finish", error, { vm: this.id }))
          .then(resolve);
      });
    });
  }

  async #finish(): Promise<void> {
    this.#exit = await this.#exitRecord();
    this.#state = stateAfter(this.#exit);
    this.#process = undefined;
    this.#client?.close();
    this.#client = undefined;
    await rm(this.#host.runDir(this.id), { recursive: true, force: true });
    for (const attachment of this.#attachments.splice(0)) attachment.ended();
    this.#host.log.info("vm.ended", {
      vm: this.id,
      reason: this.#exit.reason,
      exitCode: this.#exit.exitCode,
    });
    this.#host.changed(this, this.#state === "failed" ? "failed" : "exited");
  }

  /** The monitor's record; ours where it was killed, by us after a failed start or by somebody else. */
  async #exitRecord(): Promise<VmExitRecord> {
    const written = await this.files.readExit().catch(() => undefined);
    if (this.#failure === undefined || written?.reason === "start-failed") {
      return written ?? (await this.#recordKilledMonitor());
    }
    this.files.writeExit(this.#failure);
    return this.#failure;
  }

  async #recordKilledMonitor(): Promise<VmExitRecord> {
    const startedAt = this.#startedAt ?? (await this.files.readRuntime())?.startedAt ?? null;
    const record = killedMonitor(startedAt);
    this.files.writeExit(record);
    return record;
  }

  async #adopt(): Promise<void> {
    const runtime = await this.#runtimeRecord();
    const startTimeTicks = runtime.startTimeTicks;
    this.#follow({ pid: runtime.pid, startTimeTicks }, runtime.startedAt);
    this.#state = "running";
    const client = await MonitorClient.connect(`${this.#host.runDir(this.id)}/monitor.sock`, 5000);
    this.#client = client;
    await Promise.race([
      client.waitFor(() => client.main !== "none"),
      sleep(2000, undefined, { ref: false }),
    ]);
    if (client.main !== "none") {
      this.#host.log.info("vm.adopted", { vm: this.id, pid: runtime.pid });
      return;
    }
    this.#host.log.warn("vm.abandoned", { vm: this.id });
    await this.#startFailed(
      new MockerError("VM_FAILED", "the engine ended while the VM was starting", { hint: "Start it again." }),
    );
  }

  /** The lock is taken a moment before the record is written. */
  async #runtimeRecord(): Promise<Process & { startedAt: string }> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const record = await this.files.readRuntime();
      if (record) return record;
      await sleep(20);
    }
    throw new MockerError(
      "STATE_CORRUPT",
      `the monitor of VM ${this.config.name} runs but left no runtime.json`,
    );
  }

  /** Ends what was booted, records why, and returns the error for the user. */
  async #startFailed(error: unknown): Promise<Error> {
    const failure = error instanceof Error ? error : new Error(String(error));
    const unanswered = failure instanceof MockerError && failure.code === "AGENT_UNREACHABLE";
    if (!unanswered) this.#failure = failedStart(failure);
    if (this.#client?.connected) this.#killMonitor();
    else await this.#endedWithin(2000);
    await this.#ended;
    if (!unanswered) return failure;
    const hint = (await this.#lastVmmLine()) ?? `See ${this.files.vmmLogPath}.`;
    return new MockerError("VM_FAILED", this.#exit?.message || failure.message, { hint, cause: error });
  }

  async #lastVmmLine(): Promise<string | undefined> {
    const file = await open(this.files.vmmLogPath, "r").catch(() => undefined);
    if (!file) return undefined;
    try {
      const { size } = await file.stat();
      const { buffer, bytesRead } = await file.read(Buffer.alloc(2048), 0, 2048, Math.max(0, size - 2048));
      return buffer.toString("utf8", 0, bytesRead).trim().split("\n").at(-1) || undefined;
    } finally {
      await file.close();
    }
  }

  async #endedWithin(timeoutMs: number): Promise<void> {
    const timer = new AbortController();
    const late = sleep(timeoutMs, "late" as const, { signal: timer.signal }).catch(() => undefined);
    const first = await Promise.race([this.#ended.then(() => undefined), late]);
    timer.abort();
    if (first === "late") {
      this.#killMonitor();
      await this.#ended;
    }
  }

  #killMonitor(): void {
    if (this.#process) killProcess(this.#process.pid, this.#process.startTimeTicks, 9);
  }

  #requireRunning(): MonitorClient {
    if (!this.running || !this.#client?.connected) {
      throw new MockerError("VM_NOT_RUNNING", `container ${this.config.name} is not running`, {
        hint: `Start it with: mocker start ${this.config.name}`,
      });
    }
    return this.#client;
  }

  #exclusive<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(task);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
