import { existsSync, statSync } from "node:fs";
import { isOutOfDescriptors } from "../../common/descriptors.ts";
import { defaultLogConfig, logLimits } from "../../docker/log-config.ts";
import { checkRestartPolicy, noRestart } from "../../docker/run-options/restart-policy.ts";
import { signalNumber } from "../../docker/signals.ts";
import { MockerError } from "../../protocol/errors.ts";
import type {
  Healthcheck,
  NetworkAttachment,
  RestartPolicy,
  UnpackProgress,
  VmDetails,
  VmState,
  VmSummary,
} from "../../protocol/vm.ts";
import type { Log } from "../log.ts";
import type { Connection } from "../networks/connection.ts";
import type { Member } from "../networks/endpoint.ts";
import type { Network } from "../networks/network.ts";
import type { Networks } from "../networks/networks.ts";
import {
  defaultTerminal,
  guestConfiguration,
  guestNetwork,
  mainProcess,
  type TerminalSize,
} from "./agent-requests.ts";
import { bootRequest } from "./boot-request.ts";
import type { Attachment } from "./machine/attachment.ts";
import { removeLeftCgroup } from "./machine/cgroups/cgroups.ts";
import { longSleep } from "./machine/long-sleep.ts";
import { Machine, type MachinePlace } from "./machine/machine.ts";
import { MainStreams } from "./main-streams.ts";
import { OpenMounts, type VmVolumes } from "./open-mounts.ts";
import { HealthCheck } from "./policies/health-check.ts";
import { startProbe } from "./policies/health-probe.ts";
import { Restarts } from "./policies/restart-policy.ts";
import {
  cancelledStart,
  failedStart,
  keepExit,
  killedMonitor,
  stateAfter,
  unreadableExit,
} from "./records/exit-record.ts";
import {
  endsWithItsClient,
  type VmConfig,
  type VmExitRecord,
  type VmFiles,
  type VmRestartRecord,
} from "./records/vm-record.ts";
import type { PreparedVm, Runtime } from "./runtimes/runtime.ts";
import { Secrets } from "./secrets.ts";
import { TurnQueue } from "./turn-queue.ts";
import { detailsOf, isWeaklyJailed, summaryOf, type VmRuntimeState } from "./vm-summary.ts";

/** How long the start of an engine waits for a monitor to say whether the main process was started. */
const resumeTimeoutMs = 2000;
const killSignal = 9;
/** INT, QUIT and TERM: who sends them, or whose terminal does, wants the process to end. */
const endingSignals = [2, 3, 15];

/** What happens to a VM by itself or by its methods; Docker's words for its events. */
export type VmAction = "start" | "die" | "kill" | "stop" | "pause" | "unpause" | `health_status: ${string}`;

/** What a VM needs of the engine around it. */
export interface VmHost {
  readonly log: Log;
  readonly networks: Networks;
  readonly volumes: VmVolumes;
  place(id: string, files: VmFiles): MachinePlace;
  /** Called when the VM's state already tells of it. */
  happened(vm: Vm, action: VmAction, attributes?: Record<string, string>): void;
  /** Called when it has ended, and nothing is to start it again. */
  ended(vm: Vm): void;
}

/**
 * One VM: its record on disk, its state, and its machine while it runs. The monitor's lock and records are
 * the truth; this object follows them.
 *
 * What may take long and needs the VM's directory for itself has a turn in a queue, in the order of the
 * calls: a start, a removal, a helper machine that reads the files of a VM that does not run. What ends a VM
 * has no turn, as it would wait for what it is to end: `stop`, `kill` with KILL and a removal first cancel
 * every start that waits or goes on, then end the machine. So `kill` also cuts a `stop` with a long grace
 * short, and two stops do not mind each other. A start that was cancelled rejects at once; its turn lasts
 * until nothing of it is left, so that a removal, which has the next turn, never takes the directory away
 * under it. A restart is a stop and then a start, which a later stop, kill or removal cancels from the
 * beginning. From the call of a removal on no start is accepted. Execs, attachments and other signals need a
 * VM that runs, and go to its machine directly.
 */
export class Vm {
  readonly files: VmFiles;
  readonly runtime: Runtime;
  /** Of its processes' environment. */
  readonly secrets: Secrets;
  readonly #host: VmHost;
  #config: VmConfig;
  #state: VmState = "created";
  #startedAt: string | undefined;
  #exit: VmExitRecord | undefined;
  /** From its monitor's start until its end is recorded, also while it boots. */
  #machine: Machine | undefined;
  #ended: Promise<void> = Promise.resolve();
  /** As long as its machine, and a little before. */
  #connection: Connection | undefined;
  /** Its starts are what can be cancelled. */
  readonly #turns = new TurnQueue();
  #removal: Promise<void> | undefined;
  readonly #mainStreams = new MainStreams();
  readonly #restarts: Restarts;
  #restartTimer: NodeJS.Timeout | undefined;
  /** Of the restarts that wait for the end of what runs; those that are aborted start nothing. */
  readonly #restartsAtEnd = new Set<AbortSignal>();
  readonly #health: HealthCheck | undefined;

  constructor(
    config: VmConfig,
    files: VmFiles,
    runtime: Runtime,
    host: VmHost,
    secrets = new Secrets(config.name, config.secretEnv),
  ) {
    this.#config = config;
    this.files = files;
    this.runtime = runtime;
    this.secrets = secrets;
    this.#host = host;
    this.#restarts = new Restarts({
      policy: () => this.config.restart ?? noRestart,
      write: (record) => this.#keepRestarts(record),
    });
    this.#health = config.healthcheck && this.#healthCheck(config.healthcheck);
  }

  get config(): VmConfig {
    return this.#config;
  }
  get id(): string {
    return this.config.id;
  }
  get state(): VmState {
    return this.#state;
  }
  /** Its main process runs. */
  get running(): boolean {
    return this.#state === "running" || this.#state === "paused";
  }
  /** It runs, boots or is about to. */
  get busy(): boolean {
    return this.#machine !== undefined || this.#turns.cancellable > 0 || this.restarting;
  }
  /** It has ended, and its restart policy will start it again. */
  get restarting(): boolean {
    return this.#state === "restarting";
  }
  /** It was removed, or will be soon. */
  get removing(): boolean {
    return this.#removal !== undefined;
  }
  /** How it ended last. */
  get exit(): VmExitRecord | undefined {
    return this.#exit;
  }
  /**
   * Resolves when what runs or boots now has ended and its record is written; undefined when nothing does.
   */
  get ended(): Promise<void> | undefined {
    return this.#machine && this.#ended;
  }

  /** Reattaches to a VM that a previous engine left running, or loads its exit record. */
  async recover(): Promise<void> {
    const place = this.#host.place(this.id, this.files);
    const restarts = await this.files.readRestart().catch((error) => {
      this.#host.log.error("vm.restarts", error, { vm: this.id });
      return undefined;
    });
    if (restarts) this.#restarts.load(restarts);
    if (place.launcher.isLocked(this.files.lockPath)) {
      await this.#adopt(place);
      return;
    }
    this.#exit = await this.#recordedExit();
    this.#state = this.#exit ? stateAfter(this.#exit) : "created";
  }

  /** Starts it again where its policy says so, and it has ended while no engine was there. */
  restartIfDue(): void {
    if (this.#exit && !this.busy) this.#scheduleRestart(this.#restarts.delayAfterAbsence(this.#exit));
  }

  /** How it ended last; undefined when it never ran. A record that cannot be read is no sign of that. */
  async #recordedExit(): Promise<VmExitRecord | undefined> {
    try {
      const exit = await this.files.readExit();
      if (exit) return exit;
    } catch (error) {
      if (isOutOfDescriptors(error)) throw error;
      this.#host.log.error("vm.exit", error, { vm: this.id });
      const ended = statSync(this.files.exitPath, { throwIfNoEntry: false })?.mtime ?? new Date();
      return unreadableExit(error instanceof Error ? error.message : String(error), ended);
    }
    if (!existsSync(this.files.runtimePath)) return undefined;
    await removeLeftCgroup(this.files);
    const left = await this.files.readRuntime().catch(() => undefined);
    const exit = killedMonitor(left?.startedAt ?? null);
    const { launcher } = this.#host.place(this.id, this.files);
    keepExit(this.files, exit, {
      isRunning: () => launcher.isLocked(this.files.lockPath),
      onError: (error) => this.#host.log.error("vm.exitRecord", error, { vm: this.id }),
    });
    return exit;
  }

  /** What keeps one of its records from being read, if anything does. */
  async recordProblem(): Promise<string | undefined> {
    try {
      await this.files.check();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Writes down again how it ended. @returns false when it has not ended, or cannot */
  rewriteExit(): boolean {
    if (this.busy || !this.#exit) return false;
    try {
      this.files.writeExit(this.#exit);
      return true;
    } catch (error) {
      this.#host.log.error("vm.exitRecord", error, { vm: this.id });
      return false;
    }
  }

  /**
   * Boots the VM and resolves when its main process runs; at once when it runs already.
   * @param onUnpack is told how far its image is unpacked where the runtime needs that
   * @throws VM_FAILED when it is stopped, killed or removed meanwhile; whatever keeps it from starting
   */
  async start(size: TerminalSize, onUnpack?: (progress: UnpackProgress) => void): Promise<void> {
    this.#refuseRemoved();
    if (!this.running) {
      this.#restarts.startedByHand();
      this.#cancelRestart();
    }
    await this.#turns.runCancellable((signal) => this.#start(size, signal, onUnpack));
  }

  /**
   * Runs a task during which the VM neither starts nor disappears. It may run: that the task has to see
   * itself.
   */
  async turn<T>(task: () => Promise<T>): Promise<T> {
    this.#refuseRemoved();
    return await this.#turns.run(task);
  }

  /**
   * TERM (or the VM's stop signal), after the grace KILL; resolves when the VM has ended. Cancels starts.
   * @throws INVALID_ARGUMENT for a signal
   */
  async stop(signal: string | undefined, timeoutSeconds: number | undefined): Promise<void> {
    if (!this.busy) return;
    const number = signalNumber(signal ?? this.config.stopSignal);
    this.#restarts.stoppedByHand();
    this.#cancelStarts("stopped");
    await this.#stop(number, { timeoutSeconds, keepsFiles: false });
  }

  async #stop(
    signal: number,
    { timeoutSeconds, keepsFiles }: { timeoutSeconds: number | undefined; keepsFiles: boolean },
  ): Promise<void> {
    const machine = this.#machine;
    if (!machine) return;
    if (this.running) {
      this.#host.happened(this, "kill", { signal: String(signal) });
      const graceSeconds = timeoutSeconds ?? this.config.stopTimeoutSeconds;
      await Promise.all([machine.stop(signal, { graceSeconds, keepsFiles }), this.#wake(machine)]);
    }
    await this.#ended;
    this.#host.happened(this, "stop");
  }

  /**
   * Stops what runs, as {@link stop} does, and starts it again, as moby's containerRestart does: the policy
   * has no say in it, and a VM that is removed at its end stays. One that boots is restarted when it runs;
   * one that does not run is only started. Several at once all stop what runs, and have the next start
   * together.
   * @throws INVALID_ARGUMENT for a signal and SECRET_MISSING, while it runs on; VM_FAILED when it is stopped,
   * killed or removed meanwhile; whatever keeps it from starting
   */
  async restart(signal: string | undefined, timeoutSeconds: number | undefined): Promise<void> {
    this.#refuseRemoved();
    const stop = async (cancelled: AbortSignal): Promise<void> => {
      if (!this.running) await this.#turns.run(async () => undefined);
      if (!this.running) return;
      const number = signalNumber(signal ?? this.config.stopSignal);
      await this.secrets.load();
      if (cancelled.aborted) return;
      this.#restartsAtEnd.add(cancelled);
      try {
        await this.#stop(number, { timeoutSeconds, keepsFiles: true });
      } finally {
        this.#restartsAtEnd.delete(cancelled);
      }
    };
    const start = async (cancelled: AbortSignal): Promise<void> => {
      this.#restarts.startedByHand();
      this.#cancelRestart();
      await this.#start(defaultTerminal, cancelled);
    };
    try {
      await this.#turns.runCancellable(start, stop);
    } catch (error) {
      // Its end may not have been taken for the last one.
      if (this.#exit && !this.busy) this.#host.ended(this);
      throw error;
    }
  }

  /**
   * Sends a signal to the main process. KILL, which is the default, also cancels starts, ends a guest that no
   * longer answers, and resolves when the VM has ended.
   * @throws VM_NOT_RUNNING, INVALID_ARGUMENT for a signal
   */
  async kill(signal: string | undefined): Promise<void> {
    const number = signalNumber(signal ?? "KILL");
    if (number === killSignal && this.busy) {
      this.#restarts.stoppedByHand();
      await this.#end("killed");
      return;
    }
    const machine = this.requireMachine();
    if (endingSignals.includes(number) || number === signalNumber(this.config.stopSignal))
      this.#restarts.stoppedByHand();
    this.#host.happened(this, "kill", { signal: String(number) });
    await Promise.all([machine.signal("main", number), this.#wake(machine)]);
  }

  /**
   * Stops all of its processes where they are; nothing is lost by it.
   * @throws VM_NOT_RUNNING; VM_RUNNING in Docker's words when it is paused
   */
  async pause(): Promise<void> {
    const machine = this.requireMachine();
    const already = (): boolean => this.#state === "paused";
    if (!already()) {
      await machine.setPaused(true);
      if (this.#machine !== machine) this.requireMachine();
    }
    if (already()) {
      throw new MockerError("VM_RUNNING", `Container ${this.config.name} is already paused`);
    }
    this.#state = "paused";
    this.#host.happened(this, "pause");
  }

  /** Lets them go on. @throws VM_RUNNING in Docker's words when it is not paused */
  async unpause(): Promise<void> {
    const machine = this.#machine;
    const isPaused = (): boolean => this.#machine === machine && this.#state === "paused";
    if (machine && isPaused()) await machine.setPaused(false);
    if (!isPaused()) {
      throw new MockerError("VM_RUNNING", `Container ${this.config.name} is not paused`);
    }
    this.#state = "running";
    this.#host.happened(this, "unpause");
  }

  /** A signal has no effect on what stands still: as in Docker, it ends a pause. */
  async #wake(machine: Machine): Promise<void> {
    if (this.#state !== "paused") return;
    try {
      await machine.setPaused(false);
    } catch (error) {
      // What was sent is carried out all the same, or ends it from outside.
      this.#host.log.warn("vm.unpause", { vm: this.id, error: String(error) });
      return;
    }
    if (this.#machine !== machine || this.#state !== "paused") return;
    this.#state = "running";
    this.#host.happened(this, "unpause");
  }

  /**
   * Ends what runs or starts, and calls `erase` when nothing of it is left; nothing starts any more. When
   * `erase` fails the VM is as before. A second removal is the first one.
   */
  remove(erase: () => Promise<void>): Promise<void> {
    this.#removal ??= this.#remove(erase, () => this.#end("removed"));
    return this.#removal;
  }

  /** The same for a VM that has just ended: a start that has failed by itself rejects with its own error. */
  removeEnded(erase: () => Promise<void>): Promise<void> {
    this.#removal ??= this.#remove(erase, () => this.#ended);
    return this.#removal;
  }

  /**
   * A client's stream of the main process. On a VM that does not run it waits for the next start, which loses
   * none of its output.
   */
  async attach(replayBytes: number, stdin: boolean): Promise<Attachment> {
    const machine = this.#machine;
    if (this.#state === "paused") throw this.#paused("attach");
    return await this.#mainStreams.open(
      {
        replayBytes,
        stdin: stdin && this.config.openStdin,
        stdinOnce: endsWithItsClient(this.config),
      },
      // One that runs and was never reached says so: its next start may never come.
      this.running || machine?.reached ? machine : undefined,
    );
  }

  /** The machine of a VM that runs. @throws VM_NOT_RUNNING */
  requireMachine(): Machine {
    if (this.restarting) {
      throw new MockerError(
        "VM_NOT_RUNNING",
        `Container ${this.config.name} is restarting, wait until the container is running`,
      );
    }
    if (!this.running || !this.#machine) {
      throw new MockerError("VM_NOT_RUNNING", `container ${this.config.name} is not running`, {
        hint: `Start it with: mocker start ${this.config.name}`,
      });
    }
    return this.#machine;
  }

  /**
   * The same for what its guest agent is asked for, which answers nothing while it is paused.
   * @param before what needs that, for Docker's words
   * @throws VM_NOT_RUNNING also when it is paused
   */
  requireAwake(before: string): Machine {
    const machine = this.requireMachine();
    if (this.#state === "paused") throw this.#paused(before);
    return machine;
  }

  #paused(before: string): MockerError {
    const { name } = this.config;
    return new MockerError(
      "VM_NOT_RUNNING",
      `Container ${name} is paused, unpause the container before ${before}`,
      { hint: `Let it go on with: mocker unpause ${name}` },
    );
  }

  /** Changes which networks it is in from its next start on. */
  changeNetwork(network: VmConfig["network"]): Promise<void> {
    return this.turn(async () => this.#change({ network }));
  }

  /**
   * Changes what its machine may use, while it runs as far as its cgroup can, and its restart policy, which
   * counts from its next end on.
   * @throws VM_RUNNING for what one that runs keeps; INVALID_ARGUMENT in Docker's words for the policy
   */
  update(
    resources: Partial<Pick<VmConfig, "cpus" | "memoryMiB">>,
    restart: RestartPolicy | undefined,
  ): Promise<void> {
    return this.turn(async () => {
      if (restart) {
        checkRestartPolicy(restart);
        if (restart.name !== "no" && this.config.autoRemove) {
          throw new MockerError(
            "INVALID_ARGUMENT",
            "Restart policy cannot be updated because AutoRemove is enabled for the container",
          );
        }
      }
      const problem =
        Object.keys(resources).length > 0 ? await this.#machine?.changeLimits(resources) : undefined;
      if (problem !== undefined) {
        throw new MockerError(
          "VM_RUNNING",
          `cannot update container ${this.config.name}: a VM that runs ${problem}`,
          { hint: `Stop it first: mocker stop ${this.config.name}` },
        );
      }
      this.#change({ ...resources, ...(restart ? { restart } : {}) });
    });
  }

  /** Its record has been replaced by this one, in a turn. */
  restored(config: VmConfig): void {
    this.#config = config;
  }

  /** Gives it another name, by which its networks know it from now on. */
  rename(name: string): Promise<void> {
    return this.turn(async () => {
      this.#change({ name });
      this.secrets.vmName = name;
      const connection = this.#connection;
      if (!connection) return;
      try {
        await this.#host.networks.rename(this.#member, connection, this.#config.network);
        if (this.#connection === connection) {
          this.files.writeNetwork({ version: 1, endpoints: connection.records() });
        }
      } catch (error) {
        this.#host.log.error("vm.rename", error, { vm: this.id });
      }
    });
  }

  #change(changes: Partial<VmConfig>): void {
    const changed = { ...this.#config, ...changes };
    this.files.writeConfig(changed);
    this.#config = changed;
  }

  /**
   * Plugs the card that it has in a network in again. @returns false when it has none there
   * @throws NETWORK_FAILED
   */
  async plugIn(network: Network, attachment: NetworkAttachment): Promise<boolean> {
    if (!this.#connection) return false;
    return await this.#host.networks.plugIn(this.#member, this.#connection, network, attachment);
  }

  /** Unplugs the card that it has in a network, if it has one. @throws NETWORK_FAILED */
  async unplug(network: Network): Promise<void> {
    if (this.#connection) await this.#host.networks.unplug(this.#member, this.#connection, network);
  }

  /** It runs, and its process has no root of its own on the host. */
  get weaklyJailed(): boolean {
    return this.running && isWeaklyJailed(this.config, this.#runtimeState());
  }

  summary(): VmSummary {
    return summaryOf(this.config, this.#runtimeState());
  }

  details(): VmDetails {
    return detailsOf(this.config, this.files, this.#runtimeState(), (name) =>
      this.#host.volumes.pathOf(name),
    );
  }

  #runtimeState(): VmRuntimeState {
    return {
      state: this.#state,
      running: this.running,
      startedAt: this.#startedAt,
      exit: this.#exit,
      pid: this.#machine?.pid ?? 0,
      guestKernelVersion: this.#machine?.agent?.kernel,
      bootMs: this.#machine?.agent?.bootMs,
      jail: this.#machine?.jail,
      restartCount: this.#restarts.count,
      health: this.#health?.health,
      connection: this.#connection && {
        endpoints: this.#connection.endpoints,
        ports: this.#connection.ports(this.#config.exposedPorts),
      },
    };
  }

  #refuseRemoved(): void {
    if (!this.#removal) return;
    throw new MockerError("VM_FAILED", `container ${this.config.name} is marked for removal`);
  }

  async #start(
    size: TerminalSize,
    signal: AbortSignal,
    onUnpack?: (progress: UnpackProgress) => void,
  ): Promise<void> {
    this.#refuseRemoved();
    if (this.#state === "paused") {
      throw new MockerError("VM_RUNNING", "cannot start a paused container, try unpause instead");
    }
    if (this.running) return;
    const secretEnv = await this.secrets.load();
    signal.throwIfAborted();
    const mounts = await this.openMounts(signal);
    const { prepared, machine, connection } = await this.#launch(mounts, signal, onUnpack);
    try {
      await machine.connect();
      await this.#mainStreams.connectTo(machine);
      await machine.start(
        guestConfiguration(
          prepared,
          {
            hostname: this.config.hostname,
            disposable: this.config.autoRemove,
            ...guestNetwork(this.config, connection),
          },
          this.config.guest,
        ),
        mainProcess(this.config, secretEnv, size),
        mounts.changesVolumes ? () => mounts.filled() : undefined,
      );
      signal.throwIfAborted();
    } catch (error) {
      const failure = await machine.fail(error);
      await this.#ended;
      throw failure;
    }
    // Its end has come already where the answer was slow.
    if (this.#machine !== machine) return;
    this.#exit = undefined;
    this.#state = "running";
    this.#health?.begin(Date.parse(machine.startedAt));
    this.#host.happened(this, "start");
  }

  async #startByPolicy(): Promise<void> {
    this.#restartTimer = undefined;
    try {
      await this.#turns.runCancellable((signal) => this.#start(defaultTerminal, signal));
    } catch (error) {
      this.#host.log.error("vm.restart", error, { vm: this.id });
      // A start that has come as far as its machine has told of its end already.
      if (!this.restarting || this.#restartTimer || this.#machine) return;
      this.#endedWith(failedStart(error instanceof Error ? error : new Error(String(error))));
    }
  }

  #scheduleRestart(delayMs: number | undefined): void {
    if (delayMs === undefined || this.#removal) return;
    this.#state = "restarting";
    this.#host.log.info("vm.restarting", { vm: this.id, delayMs, count: this.#restarts.count });
    this.#restartTimer = setTimeout(() => void this.#startByPolicy(), delayMs);
  }

  #cancelRestart(): void {
    if (!this.restarting) return;
    clearTimeout(this.#restartTimer);
    this.#restartTimer = undefined;
    this.#state = this.#exit ? stateAfter(this.#exit) : "created";
    this.#host.happened(this, "stop");
  }

  #endedWith(exit: VmExitRecord): void {
    this.#exit = exit;
    this.#state = stateAfter(exit);
    this.#health?.end();
    const isRestart = [...this.#restartsAtEnd].some((cancelled) => !cancelled.aborted);
    if (!isRestart) this.#scheduleRestart(this.#restarts.delayAfter(exit));
    this.#host.happened(this, "die", {
      exitCode: String(exit.exitCode),
      execDuration: String(secondsRun(exit)),
    });
    if (!isRestart && !this.restarting) this.#host.ended(this);
  }

  #keepRestarts(record: VmRestartRecord): void {
    try {
      this.files.writeRestart(record);
    } catch (error) {
      // This engine knows it; the next one would start a VM anew that was stopped.
      this.#host.log.error("vm.restartRecord", error, { vm: this.id });
    }
  }

  #healthCheck(check: Healthcheck): HealthCheck {
    return new HealthCheck({
      check,
      run: (command) => startProbe(this, command),
      isPaused: () => this.#state === "paused",
      onStatus: (status) => this.#host.happened(this, `health_status: ${status}`),
    });
  }

  /** Opens its mounts, as for a start; they are to be closed. */
  openMounts(signal: AbortSignal): Promise<OpenMounts> {
    const neverRan = this.#exit === undefined || this.#exit.startedAt === null;
    const request = { vmId: this.id, mounts: this.config.mounts, neverRan };
    return OpenMounts.open(this.#host.volumes, request, signal);
  }

  /** From here on the machine has the mounts and the networks: they are closed at its end. */
  async #launch(
    mounts: OpenMounts,
    signal: AbortSignal,
    onUnpack: ((progress: UnpackProgress) => void) | undefined,
  ): Promise<{ prepared: PreparedVm; machine: Machine; connection: Connection }> {
    const { networks } = this.#host;
    let followed = false;
    let connection: Connection | undefined;
    try {
      const request = { ...bootRequest(this.config, mounts.mounts), onUnpack };
      const prepared = await this.runtime.prepare(request, this.files);
      signal.throwIfAborted();
      const joined = await networks.connect(this.#member, this.config);
      connection = joined;
      this.files.writeNetwork({ version: 1, endpoints: joined.records() });
      const { runtime, autoRemove, log = defaultLogConfig } = this.config;
      const machine = await Machine.launch(
        this.#host.place(this.id, this.files),
        { runtime, autoRemove, log: logLimits(log), ...prepared.launch, cards: joined.cards() },
        {
          signal,
          onLaunch: (launched) => {
            followed = true;
            this.#follow(launched, joined, mounts);
          },
        },
      );
      return { prepared, machine, connection: joined };
    } catch (error) {
      if (!followed) {
        mounts.close();
        await connection?.close();
        if (connection) networks.left(this.#member, connection);
      }
      throw error;
    }
  }

  async #adopt(place: MachinePlace): Promise<void> {
    const left = await this.files.readNetwork().catch((error) => {
      if (isOutOfDescriptors(error)) throw error;
      this.#host.log.error("vm.network", error, { vm: this.id });
      return undefined;
    });
    const machine = await Machine.adopt(place);
    const connection = await this.#host.networks.adopt(this.#member, left?.endpoints ?? []);
    const mounts = OpenMounts.adopt(this.#host.volumes, this.id, this.config.mounts);
    this.#follow(machine, connection, mounts);
    this.#state = "running";
    const timer = new AbortController();
    const late = longSleep(resumeTimeoutMs, timer.signal).catch(() => undefined);
    await Promise.race([this.#resume(machine), late]);
    timer.abort();
  }

  /** Goes on in the background where the monitor is slow: only one that says that nothing runs is ended. */
  async #resume(machine: Machine): Promise<void> {
    const isStarted = await machine.resume();
    if (isStarted) {
      if (machine.paused && this.#machine === machine) this.#state = "paused";
      this.#host.log.info("vm.adopted", { vm: this.id, pid: machine.pid });
      this.#health?.begin(Date.parse(machine.startedAt));
      await this.#mainStreams.connectTo(machine).catch(() => undefined);
    } else if (isStarted === false) {
      this.#host.log.warn("vm.abandoned", { vm: this.id });
      await machine.fail(new MockerError("VM_FAILED", "the engine ended while the VM was starting"));
    }
    if (!isStarted) await this.#ended;
  }

  get #member(): Member {
    return { id: this.id, name: this.#config.name };
  }

  #follow(machine: Machine, connection: Connection, mounts: OpenMounts): void {
    this.#machine = machine;
    this.#connection = connection;
    this.#startedAt = machine.startedAt;
    this.#ended = machine.ended.then(async (exit) => {
      // Before anybody is told: the next start may want the same ports.
      await connection.close();
      this.#connection = undefined;
      this.#machine = undefined;
      mounts.close();
      this.#host.log.info("vm.ended", { vm: this.id, reason: exit.reason, exitCode: exit.exitCode });
      this.#endedWith(exit);
      this.#host.networks.left(this.#member, connection);
    });
  }

  /** Rejects the starts there are; one that has launched its machine loses it. */
  #cancelStarts(verb: "stopped" | "killed" | "removed"): void {
    const reason = new MockerError(
      "VM_FAILED",
      `container ${this.config.name} was ${verb} while it was starting`,
    );
    this.#turns.cancel(reason);
    this.#cancelRestart();
    if (!this.running) this.#machine?.kill(cancelledStart(reason.message));
  }

  async #end(verb: "killed" | "removed"): Promise<void> {
    this.#cancelStarts(verb);
    const machine = this.#machine;
    if (!machine) return;
    if (this.running) {
      this.#host.happened(this, "kill", { signal: String(killSignal) });
      await Promise.all([machine.terminate(), this.#wake(machine)]);
    }
    await this.#ended;
  }

  async #remove(erase: () => Promise<void>, end: () => Promise<void>): Promise<void> {
    try {
      await end();
      await this.#turns.run(erase);
    } catch (error) {
      this.#removal = undefined;
      throw error;
    }
    this.#mainStreams.close();
  }
}

/** Whole seconds. */
function secondsRun({ startedAt, finishedAt }: VmExitRecord): number {
  const ms = startedAt === null ? 0 : Date.parse(finishedAt) - Date.parse(startedAt);
  return Math.max(0, Math.trunc(ms / 1000));
}
