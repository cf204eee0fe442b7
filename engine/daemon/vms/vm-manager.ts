import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { isOutOfDescriptors } from "../../common/descriptors.ts";
import { defaultLogConfig, logLimits, logLimitsText } from "../../docker/log-config.ts";
import { securityOptions } from "../../docker/run-options/security-options.ts";
import { signalNumber } from "../../docker/signals.ts";
import { humanSize } from "../../docker/sizes.ts";
import { logTime } from "../../docker/times.ts";
import { chooseColumns, processTable } from "../../docker/usage/process-table.ts";
import type { EngineInfo } from "../../protocol/engine.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { ImageDetails } from "../../protocol/image.ts";
import type { StoreProblem } from "../../protocol/system.ts";
import type {
  Network,
  NetworkConnectParams,
  NetworkDisconnectParams,
  UnpackProgress,
  VmAttachParams,
  VmChange,
  VmCreateParams,
  VmCreateResult,
  VmDetails,
  VmExecParams,
  VmListParams,
  VmLogsParams,
  VmParams,
  VmPruneParams,
  VmPruneResult,
  VmRemoveParams,
  VmRenameParams,
  VmRestartParams,
  VmStartParams,
  VmState,
  VmStats,
  VmStopParams,
  VmSummary,
  VmTopParams,
  VmTopResult,
  VmUpdateParams,
  VmWaitParams,
  VmWaitResult,
} from "../../protocol/vm.ts";
import type { EngineEvent, EventLog } from "../events/event-log.ts";
import type { Log } from "../log.ts";
import type { Member } from "../networks/endpoint.ts";
import type { Networks } from "../networks/networks.ts";
import { defaultTerminal, execProcess } from "./agent-requests.ts";
import { BrokenVm } from "./broken-vm.ts";
import { CheckpointDir } from "./checkpoints/checkpoint-dir.ts";
import { ExecTable } from "./exec-table.ts";
import { FileAccess } from "./guest-files/file-access.ts";
import { GuestFiles } from "./guest-files/guest-files.ts";
import { guestOwner } from "./guest-files/guest-owner.ts";
import { VmHelpers } from "./guest-files/vm-helpers.ts";
import { checkGuestOptions } from "./guest-options.ts";
import { LogGenerations } from "./logs/log-generations.ts";
import { LogStream } from "./logs/log-stream.ts";
import { Attachment } from "./machine/attachment.ts";
import type { Cgroups } from "./machine/cgroups/cgroups.ts";
import type { CopyPath } from "./machine/copy-path.ts";
import { Exec, type ExecAttach, type ExecStart } from "./machine/exec.ts";
import type { Launcher } from "./machine/launcher.ts";
import type { MachinePlace } from "./machine/machine.ts";
import { checkMounts, completeMounts } from "./mounts.ts";
import { isVolume, type VmVolumes } from "./open-mounts.ts";
import type { StateDir } from "./records/state-dir.ts";
import type { VmConfig, VmFiles } from "./records/vm-record.ts";
import type { Runtimes } from "./runtimes/runtimes.ts";
import { missingSubordinateIds } from "./runtimes/subordinate-ids.ts";
import { Secrets } from "./secrets.ts";
import { listProcesses } from "./usage/process-list.ts";
import { statsOf } from "./usage/vm-stats.ts";
import { Vm, type VmAction, type VmHost } from "./vm.ts";
import { cpuCount, makeVmConfig, memory } from "./vm-config.ts";
import { filterVms } from "./vm-filters.ts";
import {
  alreadyConnected,
  checkLinks,
  chooseNetwork,
  isAttached,
  withNetwork,
  withoutNetwork,
} from "./vm-network.ts";
import { pruneVms } from "./vm-pruner.ts";
import { VmTable } from "./vm-table.ts";

const maxReplayBytes = 64 * 1024;

/** What lists show without being asked for all. */
const runningStates: readonly VmState[] = ["running", "paused", "restarting"];

interface Images {
  get(reference: string, platform?: string): Promise<ImageDetails>;
}

export interface VmManagerOptions {
  state: StateDir;
  images: Images;
  volumes: VmVolumes;
  runtimes: Runtimes;
  launcher: Launcher;
  /** Absent: machines' processes get none. */
  cgroups?: Cgroups;
  networks: Networks;
  /** Whether who gets a simulation without asking for it is told so. */
  warnsOfSimulation: () => boolean;
  /** Gets what happens to VMs and execs. */
  events: EventLog;
  /** For the sockets of VMs that run: its path is short. */
  runDir: string;
  log: Log;
}

/**
 * All VMs of the store, and what can be asked of them: the one place of defaults, caps and rules, whichever
 * door a request came through. Everything that takes a `vm` (id, name or unique id prefix) throws
 * VM_NOT_FOUND in Docker's words.
 */
export class VmManager implements VmHost {
  readonly log: Log;
  readonly networks: Networks;
  readonly volumes: VmVolumes;
  readonly #helpers: VmHelpers;
  readonly #files: FileAccess;
  readonly #state: StateDir;
  readonly #images: Images;
  readonly #runtimes: Runtimes;
  readonly #launcher: Launcher;
  readonly #cgroups: Cgroups | undefined;
  readonly #warnsOfSimulation: () => boolean;
  readonly #events: EventLog;
  readonly #runDir: string;
  readonly #vms = new VmTable();
  readonly #execs = new ExecTable();
  /** Of the VMs that are being made. */
  readonly #making = new Set<VmConfig>();

  constructor(options: VmManagerOptions) {
    this.log = options.log;
    this.networks = options.networks;
    this.volumes = options.volumes;
    this.#state = options.state;
    this.#images = options.images;
    this.#runtimes = options.runtimes;
    this.#launcher = options.launcher;
    this.#cgroups = options.cgroups;
    this.#warnsOfSimulation = options.warnsOfSimulation;
    this.#events = options.events;
    this.#runDir = options.runDir;
    this.#helpers = new VmHelpers(options.state, (id, files) => this.place(id, files), options.launcher);
    this.#files = new FileAccess(this.#helpers, this.log);
  }

  /**
   * Reads every record and reattaches to the VMs that still run. One broken record hides no other.
   * @throws INTERNAL when records cannot be opened for want of descriptors: they are not broken
   */
  async recover(): Promise<void> {
    await this.#helpers.endStale();
    const ids = await this.#state.recover((error) => this.log.error("vm.sweep", error));
    await Promise.all(
      ids.map(async (id) => {
        const files = this.#state.files(id);
        try {
          const checkpoints = new CheckpointDir(files, (path) => this.#state.erase(path));
          await checkpoints.recover((error) => this.log.error("vm.sweep", error, { vm: id }));
          const config = await files.readConfig();
          if (!config) throw new MockerError("STATE_CORRUPT", `${files.configPath} is missing`);
          const vm = new Vm(config, files, this.#runtimes.byName(config.runtime), this);
          this.#vms.add(vm);
          await vm.recover();
          if (config.autoRemove && !vm.busy && vm.state !== "created") {
            await vm
              .removeEnded(() => this.#erase(vm))
              .catch((error) => this.log.error("vm.autoRemove", error, { vm: id }));
          }
        } catch (error) {
          if (isOutOfDescriptors(error)) throw error;
          this.log.error("vm.recover", error, { vm: id });
          this.#vms.addBroken(new BrokenVm(id, files, error, this.#launcher));
        }
      }),
    );
    for (const path of await this.#unusedRunDirs()) await this.#removeRunDir(path);
  }

  /** Starts the VMs that have ended while no engine was there and whose restart policy wants them to run. */
  restartDue(): void {
    for (const vm of this.#vms.all()) vm.restartIfDue();
  }

  /**
   * What of the records and directories of VMs is not as it should be; `repair` removes what nobody needs,
   * and writes again how a VM ended where that can be read no more.
   */
  async check(repair: boolean): Promise<StoreProblem[]> {
    const leftovers = await this.#state.eraseLeftovers();
    const problems = [
      ...this.#vms.broken().map(({ name, problem }) => ({
        severity: "error" as const,
        subject: `VM ${name}`,
        problem: `is dead: ${problem}`,
        hint: `Restore its record, or remove it: mocker rm -f ${name}`,
        repaired: false,
      })),
      ...leftovers.map(({ path, problem }) => ({
        severity: "note" as const,
        subject: `directory ${path}`,
        problem: `of a VM that was removed cannot be erased: ${problem}`,
        hint: "It is tried again at each start of the engine and each check.",
        repaired: false,
      })),
    ];
    for (const vm of this.#vms.all()) {
      const problem = await vm.recordProblem();
      if (problem === undefined) continue;
      const repaired = repair && vm.rewriteExit();
      const hint = repaired
        ? "Written again, as far as it is known."
        : `Start it again: mocker start ${vm.config.name}`;
      problems.push({ severity: "error", subject: `VM ${vm.config.name}`, problem, hint, repaired });
    }
    for (const path of await this.#unusedRunDirs()) {
      if (repair) await this.#removeRunDir(path);
      problems.push({
        severity: "note",
        subject: `directory ${path}`,
        problem: "was left by a VM that has ended",
        hint: repair ? "Removed." : "Run: mocker system check --repair",
        repaired: repair,
      });
    }
    return problems;
  }

  /** Directories for the sockets of VMs that do not run. Those where somebody listens are not ours. */
  async #unusedRunDirs(): Promise<string[]> {
    const dir = join(this.#runDir, "vm");
    const used = new Set(this.#vms.all().flatMap(({ id, busy }) => (busy ? [id.slice(0, 12)] : [])));
    const unused: string[] = [];
    for (const name of await readdir(dir).catch(() => [])) {
      if (!/^[0-9a-f]{12}$/.test(name) || used.has(name)) continue;
      if (!(await isListening(join(dir, name, "monitor.sock")))) unused.push(join(dir, name));
    }
    return unused;
  }

  async #removeRunDir(path: string): Promise<void> {
    await rm(path, { recursive: true, force: true }).catch((error) =>
      this.log.error("vm.runDir", error, { path }),
    );
  }

  /** Where a machine lives. Sockets have short paths: twelve hex digits are enough within one store. */
  place(id: string, files: VmFiles): MachinePlace {
    const runDir = join(this.#runDir, "vm", id.slice(0, 12));
    const cgroups = this.#cgroups && { cgroups: this.#cgroups };
    return { id, files, runDir, launcher: this.#launcher, ...cgroups, log: this.log };
  }

  onDidChange(listener: (change: VmChange) => void): { dispose(): void } {
    return this.#events.subscribe((event) => {
      const change = this.#changeOf(event);
      if (change) listener(change);
    });
  }

  happened(vm: Vm, action: VmAction, attributes: Record<string, string> = {}): void {
    this.#publish(vm, action, attributes);
  }

  ended(vm: Vm): void {
    if (!vm.config.autoRemove || vm.removing) return;
    vm.removeEnded(() => this.#erase(vm)).catch((error) =>
      this.log.error("vm.autoRemove", error, { vm: vm.id }),
    );
  }

  async create(params: VmCreateParams): Promise<VmCreateResult> {
    // Before the image is asked for: a client would pull it first, and then hear of the mount.
    checkMounts(params.mounts ?? []);
    const security = securityOptions(params.securityOpt ?? []);
    // Before anything is made: its file may be unreadable.
    const warnsOfSimulation = this.#warnsOfSimulation();
    const choice = await this.#runtimes.choose(params.runtime ?? "auto");
    const cardsProblem = choice.runtime.cardsProblem();
    const { network, ports, warnings } = await chooseNetwork(params, this.networks, cardsProblem);
    checkLinks(network, (linked) => this.find(linked));
    const guestWarnings = checkGuestOptions(params.guest ?? {}, choice.runtime.name, network);
    const name = this.#vms.reserveName(params.name);
    try {
      const image = await this.#images.get(params.image, params.platform);
      const { mounts = [], volumesFrom = [] } = params;
      const config = makeVmConfig(params, {
        image,
        name,
        runtime: choice.runtime.name,
        mounts: completeMounts(
          { mounts, volumesFrom, imageVolumes: image.config.volumes },
          (from) => this.find(from).config.mounts,
        ),
        network,
        ports,
        now: new Date(),
      });
      const secrets = new Secrets(name, config.secretEnv);
      secrets.give(params.secretValues ?? {});
      // Its image and its volumes must not be removed before the VM is known.
      this.#making.add(config);
      let vm: Vm | undefined;
      try {
        this.#ensureVolumes(config);
        const files = await this.#state.create(config);
        vm = new Vm(config, files, choice.runtime, this, secrets);
        this.#vms.add(vm);
      } finally {
        this.#making.delete(config);
        if (!vm) await this.volumes.removeUnused(anonymousVolumes(config));
      }
      this.#publish(vm, "create");
      return {
        id: config.id,
        name,
        runtime: choice.runtime.name,
        warnings: [
          ...warnings,
          ...security.warnings,
          ...guestWarnings,
          ...ownershipWarning(config),
          ...(warnsOfSimulation ? simulationWarning(choice.simulationReason) : []),
        ],
      };
    } finally {
      this.#vms.releaseName(name);
    }
  }

  /**
   * Boots a VM and answers when its main process runs; at once when it runs already.
   * @throws VM_FAILED when it is stopped, killed or removed meanwhile; SECRET_MISSING; whatever keeps it from
   * starting
   */
  async start(
    { vm: name, rows, columns, secretValues }: VmStartParams,
    onUnpack?: (progress: UnpackProgress) => void,
  ): Promise<{ id: string }> {
    const vm = this.find(name);
    vm.secrets.give(secretValues ?? {});
    const size = { rows: rows ?? defaultTerminal.rows, columns: columns ?? defaultTerminal.columns };
    await vm.start(size, onUnpack);
    return { id: vm.id };
  }

  /**
   * Gives a VM another name.
   * @throws VM_NAME_IN_USE, INVALID_ARGUMENT in Docker's words
   */
  async rename({ vm: wanted, name }: VmRenameParams): Promise<{ id: string }> {
    const vm = this.find(wanted);
    const { name: oldName } = vm.config;
    if (name === "") {
      throw new MockerError("INVALID_ARGUMENT", "Neither old nor new names may be empty");
    }
    if (name.replace(/^\//, "") === oldName) {
      throw new MockerError(
        "INVALID_ARGUMENT",
        "Renaming a container with the same name as its current name",
      );
    }
    const reserved = this.#vms.reserveName(name, "Error when allocating new name: ");
    try {
      await vm.rename(reserved);
    } finally {
      this.#vms.releaseName(reserved);
    }
    this.#publish(vm, "rename", { oldName: `/${oldName}` });
    return { id: vm.id };
  }

  /**
   * Changes the CPUs and the memory of a VM, and its restart policy, see {@link Vm.update}.
   * @throws VM_RUNNING; INVALID_ARGUMENT in Docker's words
   */
  async update({ vm: name, cpus, memoryMiB, restart }: VmUpdateParams): Promise<{ id: string }> {
    const vm = this.find(name);
    const resources = {
      ...(cpus === undefined ? {} : { cpus: cpuCount(cpus) }),
      ...(memoryMiB === undefined ? {} : { memoryMiB: memory(memoryMiB) }),
    };
    await vm.update(resources, restart);
    this.#publish(vm, "update");
    return { id: vm.id };
  }

  /** @throws VM_NOT_RUNNING, INVALID_ARGUMENT in Docker's words */
  async pause({ vm: name }: VmParams): Promise<{ id: string }> {
    const vm = this.find(name);
    await vm.pause();
    return { id: vm.id };
  }

  /** @throws VM_RUNNING in Docker's words when it is not paused */
  async unpause({ vm: name }: VmParams): Promise<{ id: string }> {
    const vm = this.find(name);
    await vm.unpause();
    return { id: vm.id };
  }

  /** Removes the VMs that do not run, as {@link pruneVms} says. */
  async prune({ filters = {} }: VmPruneParams): Promise<VmPruneResult> {
    const pruned = await pruneVms(
      {
        all: () => this.#summaries(),
        dirOf: (id) => this.dirOf(id),
        remove: (id) => this.remove({ vm: id }),
      },
      filters,
    );
    this.#events.publish("container", "prune", {
      id: "",
      attributes: { reclaimed: String(pruned.reclaimedBytes) },
    });
    return pruned;
  }

  /**
   * The processes of a VM that runs, as `ps` with these options shows them.
   * @throws VM_NOT_RUNNING, INVALID_ARGUMENT in ps's words
   */
  async top({ vm: name, psArgs = "" }: VmTopParams): Promise<VmTopResult> {
    const vm = this.find(name);
    const chosen = chooseColumns(psArgs);
    const { machine, processes } = await listProcesses(vm.requireAwake("top"));
    const { titles, rows } = processTable(chosen, processes, machine);
    this.#publish(vm, "top");
    return { titles, processes: rows };
  }

  /** Answers when the VM has ended, with how it ended last; at once when it does not run. Cancels a start. */
  async stop({ vm: name, signal, timeoutSeconds }: VmStopParams): Promise<{ id: string; exitCode: number }> {
    const vm = this.find(name);
    await vm.stop(signal, timeoutSeconds);
    return { id: vm.id, exitCode: vm.exit?.exitCode ?? 0 };
  }

  /**
   * Answers when it runs anew; without grace `timeoutSeconds` is the VM's own, and -1 waits for ever. A VM
   * that does not run is started, one with `--rm` stays.
   * @throws SECRET_MISSING, while it runs on; what {@link start} throws
   */
  async restart({
    vm: name,
    signal,
    timeoutSeconds,
    secretValues,
  }: VmRestartParams): Promise<{ id: string }> {
    const vm = this.find(name);
    vm.secrets.give(secretValues ?? {});
    await vm.restart(signal, timeoutSeconds);
    this.#publish(vm, "restart");
    return { id: vm.id };
  }

  /** Sends a signal, KILL if none is named; KILL cancels a start, too. @throws VM_NOT_RUNNING */
  async kill({ vm: name, signal }: { vm: string; signal?: string | undefined }): Promise<{ id: string }> {
    const vm = this.find(name);
    await vm.kill(signal);
    return { id: vm.id };
  }

  /** @throws VM_RUNNING without `force` for a VM that runs or is being started */
  async remove({ vm: name, force = false, volumes = false }: VmRemoveParams): Promise<{ id: string }> {
    const vm = this.#vms.findAny(name);
    if (vm instanceof BrokenVm) return await this.#removeBroken(vm, force);
    if (vm.state === "paused" && !force) throw stillPaused(vm.config.name);
    if (vm.busy && !force && !vm.removing) throw stillRunning(vm.config.name, vm.restarting);
    await vm.remove(() => this.#erase(vm, volumes));
    return { id: vm.id };
  }

  async #removeBroken(vm: BrokenVm, force: boolean): Promise<{ id: string }> {
    if (vm.running && !force) throw stillRunning(vm.name);
    await vm.end();
    await this.#eraseDir(vm.files.dir, vm.id, true);
    this.#vms.delete(vm);
    this.#events.publish("container", "destroy", { id: vm.id, attributes: { name: vm.name } });
    return { id: vm.id };
  }

  inspect({ vm }: { vm: string }): VmDetails {
    const details = this.find(vm).details();
    const endpoints = details.endpoints.map((endpoint) => ({
      ...endpoint,
      networkId: endpoint.networkId || this.networks.idOf(endpoint.network),
    }));
    return { ...details, endpoints };
  }

  /**
   * Connects a VM to a network from its next start on, and at once where it has a card for it. As in Docker,
   * for one that is connected already and does not run this counts instead.
   * @throws VM_RUNNING for one that would need another card now; what {@link Networks.choose} throws
   */
  async connect({ vm: name, ...attachment }: NetworkConnectParams): Promise<void> {
    const vm = this.find(name);
    const network = await this.networks.resolve(attachment.network);
    network.check(attachment);
    const whole = { ...attachment, network: network.name };
    if (vm.busy && isAttached(vm.config.network, network.name)) throw alreadyConnected(vm, network.name);
    const changed = withNetwork(vm.config.network, whole);
    if (vm.busy && !(await vm.plugIn(network, whole))) {
      throw new MockerError(
        "VM_RUNNING",
        `cannot connect container ${vm.config.name} to network ${network.name}: a running VM gets no new network card`,
        { hint: `Stop it, connect it, and start it again: mocker stop ${vm.config.name}` },
      );
    }
    await vm.changeNetwork(changed);
  }

  /**
   * Disconnects a VM from a network; one that runs keeps a card that is unplugged until it ends.
   * @throws INVALID_ARGUMENT in Docker's words when it is not connected
   */
  async disconnect({ vm: name, network: wanted, force }: NetworkDisconnectParams): Promise<void> {
    const vm = this.find(name);
    // A network that is gone is still in the configurations of VMs, by its name.
    const isGone = force === true && isAttached(vm.config.network, wanted);
    const network = isGone ? undefined : await this.networks.resolve(wanted);
    const known = network?.name ?? wanted;
    if (!isAttached(vm.config.network, known)) {
      // Docker's words for the one and for the other.
      const place = vm.busy ? "network" : "the network";
      throw new MockerError("INVALID_ARGUMENT", `container ${vm.id} is not connected to ${place} ${known}`);
    }
    if (vm.busy) await vm.unplug(network ?? (await this.networks.resolve(known)));
    await vm.changeNetwork(withoutNetwork(vm.config.network, known));
  }

  /** What the VMs there are were made for. */
  networkUsers(): { vm: Member; network: Network }[] {
    const made = this.#vms.all().map(({ config }) => config);
    return [...made, ...this.#making].map(({ id, name, network }) => ({ vm: { id, name }, network }));
  }

  /** @param signal ends the waiting, with an AbortError */
  async wait(params: VmWaitParams, signal?: AbortSignal): Promise<VmWaitResult> {
    const vm = this.find(params.vm);
    const condition = params.condition ?? "not-running";
    const isOver =
      vm.ended === undefined && !vm.restarting && (condition === "not-running" || vm.exit !== undefined);
    if (condition === "next-exit" || !isOver) {
      // As in Docker, one that its policy starts again has not ended.
      do await this.#next(vm, ["die", "stop", "destroy"], signal);
      while (this.#vms.has(vm) && (vm.restarting || vm.ended !== undefined));
    }
    if (condition === "removed" && this.#vms.has(vm)) await this.#next(vm, ["destroy"], signal);
    const exit = vm.exit;
    return {
      exitCode: exit?.exitCode ?? 0,
      ...(exit === undefined || exit.message === "" ? {} : { reason: exit.message }),
    };
  }

  async list(params: VmListParams): Promise<VmSummary[]> {
    const all = this.#summaries();
    const filters = params.filters ?? {};
    // Docker shows stopped VMs too when a filter speaks of states.
    const everything = params.all || params.last !== undefined || "status" in filters || "exited" in filters;
    const candidates = everything ? all : all.filter(({ state }) => runningStates.includes(state));
    const kept = await filterVms(candidates, filters, {
      all,
      imageId: async (reference) => (await this.#images.get(reference).catch(() => undefined))?.id,
      find: (vm) => this.find(vm).summary(),
      networkId: (name) => this.networks.idOf(name),
    });
    return params.last !== undefined && params.last > 0 ? kept.slice(0, params.last) : kept;
  }

  #summaries(): VmSummary[] {
    return [...this.#vms.all(), ...this.#vms.broken()].map((vm) => vm.summary()).sort(newestFirst);
  }

  /**
   * Stream of the main process; of its next start when the VM does not run. `tty`: stdout has both outputs.
   */
  async attach(params: VmAttachParams): Promise<{ attachment: Attachment; tty: boolean }> {
    const vm = this.find(params.vm);
    const replayBytes = Math.min(params.replayBytes ?? 0, maxReplayBytes);
    const attachment = await vm.attach(replayBytes, params.stdin ?? false);
    this.#publish(vm, "attach");
    return { attachment, tty: vm.config.tty };
  }

  /** Resizes the main process's terminal. @throws VM_NOT_RUNNING */
  async resize({ vm: name, rows, columns }: { vm: string; rows: number; columns: number }): Promise<void> {
    const vm = this.find(name);
    const machine = vm.requireAwake("resize");
    // As in Docker, where there is no terminal there is nothing to do.
    if (vm.config.tty) await machine.resize("main", rows, columns);
    this.#publish(vm, "resize", { height: String(rows), width: String(columns) });
  }

  /**
   * What the VM has written, ready to be sent. `tty`: stdout has both outputs. `warnings`: what of it is
   * gone.
   * @throws INVALID_ARGUMENT for a time, or in Docker's words for a VM without a log
   */
  async logs(params: VmLogsParams): Promise<{ log: LogStream; tty: boolean; warnings: string[] }> {
    const vm = this.find(params.vm);
    const limits = logLimits(vm.config.log ?? defaultLogConfig);
    if (!limits.kept) {
      throw new MockerError("INVALID_ARGUMENT", "configured logging driver does not support reading", {
        hint: `The output of ${vm.config.name} goes to no log: it has --log-driver none.`,
      });
    }
    const nowMs = Date.now();
    const log = new LogStream(vm.files.logPath, this.log, {
      tail: params.tail,
      timestamps: params.timestamps ?? false,
      sinceMs: logTime("since", params.since, nowMs),
      untilMs: logTime("until", params.until, nowMs),
      follow: params.follow && vm.ended ? { ended: vm.ended } : undefined,
    });
    const isWhole = params.tail === undefined && params.since === undefined;
    const lost = isWhole ? await new LogGenerations(vm.files.logPath).lostBytes() : 0;
    const warning = `the oldest ${humanSize(lost)} of the log are gone: it has ${logLimitsText(limits)} (see: --log-opt)`;
    return { log, tty: vm.config.tty, warnings: lost > 0 ? [warning] : [] };
  }

  /** What a VM uses; of one that does not run nothing. @throws AGENT_UNREACHABLE */
  async stats({ vm: name }: VmParams): Promise<VmStats> {
    const vm = this.find(name);
    const machine = vm.running ? vm.requireMachine() : undefined;
    return await statsOf(vm.config, machine, vm.state === "paused");
  }

  /** Starts a process in a running VM; without an attachment if it is detached. @throws VM_NOT_RUNNING */
  async exec(
    params: VmExecParams,
  ): Promise<{ execId: string; attachment?: Attachment; missingSecrets?: string[] }> {
    const { exec, missingSecrets } = await this.createExec(params);
    const attachment = await this.startExec({ execId: exec.id, detach: params.detach ?? false });
    return {
      execId: exec.id,
      ...(attachment ? { attachment } : {}),
      ...(missingSecrets.length > 0 ? { missingSecrets } : {}),
    };
  }

  /**
   * @param user as `--user` of an exec has it
   * @throws INVALID_ARGUMENT in Docker's words where there is no such user in a VM that runs; VM_NOT_RUNNING
   */
  async checkUser({ vm: name, user }: { vm: string; user: string }, signal: AbortSignal): Promise<void> {
    const machine = this.find(name).requireAwake("exec");
    if (/[^\d:]/.test(user)) await guestOwner(new GuestFiles(machine), user, signal);
  }

  /** Makes an exec of a running VM, which is to be started within minutes. @throws VM_NOT_RUNNING */
  async createExec({
    attach,
    ...params
  }: VmExecParams & { attach?: ExecAttach }): Promise<{ exec: Exec; missingSecrets: string[] }> {
    const vm = this.find(params.vm);
    vm.requireAwake("exec");
    const { env: secretEnv, missing } = await vm.secrets.known();
    const process = execProcess(vm.config, secretEnv, params);
    const exec = new Exec({ vmId: vm.id, process, attach, privileged: params.privileged });
    const own = (params.env ?? []).map((assignment) => assignment.replace(/=.*/s, ""));
    this.#execs.add(exec);
    this.#publish(vm, `exec_create: ${params.command.join(" ")}`, { execID: exec.id });
    return { exec, missingSecrets: missing.filter((name) => !own.includes(name)) };
  }

  /**
   * Starts an exec, once; without an attachment if it is detached.
   * @throws VM_NOT_RUNNING, VM_RUNNING, COMMAND_NOT_FOUND, …
   */
  async startExec({ execId, ...start }: ExecStart & { execId: string }): Promise<Attachment | undefined> {
    const exec = this.#execs.find(execId);
    const vm = this.find(exec.config.vmId);
    const machine = vm.requireAwake("exec");
    exec.begin(start);
    this.#publish(vm, `exec_start: ${exec.process.argv.join(" ")}`, { execID: exec.id });
    exec.exited.then((exitCode) =>
      this.#publish(vm, "exec_die", { execID: exec.id, exitCode: String(exitCode) }),
    );
    const stream = await machine.exec(exec);
    return stream && Attachment.of(stream);
  }

  /**
   * An exec that runs, or has ended within the last minutes: what runs, where, and its exit code.
   * @throws VM_NOT_FOUND
   */
  inspectExec({ execId }: { execId: string }): Exec {
    return this.#execs.find(execId);
  }

  /** Resizes an exec's terminal. @throws VM_NOT_RUNNING */
  async execResize(params: { vm: string; execId: string; rows: number; columns: number }): Promise<void> {
    await this.find(params.vm).requireAwake("resize").resize(params.execId, params.rows, params.columns);
  }

  /** @throws VM_NOT_RUNNING, INVALID_ARGUMENT for the signal */
  async execSignal({ vm, execId, signal }: { vm: string; execId: string; signal: string }): Promise<void> {
    await this.find(vm).requireAwake("kill").signal(execId, signalNumber(signal));
  }

  /** Docker's `export`: a VM's root file system as a stream of tar, whether it runs or not. */
  async export({ vm: name }: { vm: string }): Promise<Attachment> {
    const vm = this.find(name);
    const archive = await this.#files.archive(vm);
    this.#publish(vm, "export");
    return archive;
  }

  /**
   * What `copy` names in a VM's root file system, as a stream of tar. Its status 2 says that there is no such
   * path.
   */
  async copy({ vm: name, copy }: { vm: string; copy: CopyPath }): Promise<Attachment> {
    const vm = this.find(name);
    const archive = await this.#files.archive(vm, copy);
    this.#publish(vm, "archive-path");
    return archive;
  }

  /** Gives `use` the files of a VM, whether it runs or not, see {@link FileAccess.use}. */
  useFiles<T>(
    { vm, changes }: { vm: string; changes: boolean },
    use: (files: GuestFiles, config: VmConfig) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    return this.#files.use({ vm: this.find(vm), changes }, use, signal);
  }

  /** Publishes what was done with a VM from outside of this class, by Docker's name of it. */
  publish(id: string, action: string, attributes: Record<string, string> = {}): void {
    this.#publish(this.find(id), action, attributes);
  }

  /** By id, name or unique id prefix. @throws VM_NOT_FOUND in Docker's words */
  find(nameOrId: string): Vm {
    return this.#vms.find(nameOrId);
  }

  /** Its directory on the host. @throws VM_NOT_FOUND */
  dirOf(id: string): string {
    return this.#vms.findAny(id).files.dir;
  }

  has(id: string): boolean {
    return [...this.#vms.all(), ...this.#vms.broken()].some((vm) => vm.id === id);
  }

  /** `running`: also those that boot. */
  counts(): EngineInfo["vms"] {
    const vms = this.#vms.all();
    return {
      total: vms.length + this.#vms.broken().length,
      running: vms.filter((vm) => vm.busy).length,
      paused: vms.filter((vm) => vm.state === "paused").length,
      weaklyJailed: vms.filter((vm) => vm.weaklyJailed).length,
    };
  }

  /** The VMs that were made from an image. */
  usersOf(imageId: string): { id: string; name: string; running: boolean }[] {
    const made = this.#vms.all().map(({ config, busy }) => ({ config, running: busy }));
    const making = [...this.#making].map((config) => ({ config, running: false }));
    const broken = this.#vms.broken().filter((vm) => vm.mentions(imageId));
    return [...made, ...making]
      .filter(({ config }) => config.imageId === imageId)
      .map(({ config, running }) => ({ id: config.id, name: config.name, running }))
      .concat(broken.map((vm) => ({ id: vm.id, name: vm.name, running: vm.running })));
  }

  /** IDs of the VMs that have a volume, or are being made with it. */
  usersOfVolume(name: string): string[] {
    return [...this.#vms.all().map(({ config }) => config), ...this.#making]
      .filter(({ mounts }) => mounts.some((mount) => isVolume(mount) && mount.name === name))
      .map(({ id }) => id)
      .concat(this.#vms.broken().flatMap((vm) => (vm.mentions(name) ? [vm.id] : [])));
  }

  /** What the user calls a VM of which only the id is known. */
  nameOf(id: string): string {
    const broken = this.#vms.broken().find((vm) => vm.id === id);
    return this.#vms.all().find((vm) => vm.id === id)?.config.name ?? broken?.name ?? id.slice(0, 12);
  }

  /** In one turn of the event loop: a volume that is there is not removed before the VM has it. */
  #ensureVolumes({ id, autoRemove, mounts }: VmConfig): void {
    for (const { name, anonymous, driver, options, labels } of mounts.filter(isVolume)) {
      const removedWith = autoRemove && anonymous ? id : undefined;
      this.volumes.ensure({ name, anonymous, driver, options, labels, removedWith });
    }
  }

  async #eraseDir(dir: string, id: string, durable: boolean): Promise<void> {
    try {
      await this.#state.remove(id, durable);
    } catch (error) {
      if (existsSync(dir)) throw error;
      // The record is gone; what could not be erased is tried again later.
      this.log.error("vm.erase", error, { vm: id });
    }
  }

  /** With its anonymous volumes if it has `--rm`, or if that is asked for. */
  async #erase(vm: Vm, volumes = vm.config.autoRemove): Promise<void> {
    await this.#eraseDir(vm.files.dir, vm.id, !vm.config.autoRemove);
    this.#vms.delete(vm);
    this.#execs.removeOf(vm.id);
    this.#publish(vm, "destroy");
    if (volumes || vm.config.autoRemove) await this.volumes.removeUnused(anonymousVolumes(vm.config));
  }

  /** Resolves when one of these actions is next published of the VM; rejects when the signal is given. */
  #next(vm: Vm, actions: string[], signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        subscription.dispose();
        signal?.removeEventListener("abort", onAbort);
        settle();
      };
      const onAbort = (): void => end(() => reject(signal?.reason));
      const subscription = this.#events.subscribe(({ type, action, actor }) => {
        if (type === "container" && actor.id === vm.id && actions.includes(action)) end(resolve);
      });
      if (signal?.aborted) onAbort();
      else signal?.addEventListener("abort", onAbort);
    });
  }

  #publish(vm: Vm, action: string, attributes: Record<string, string> = {}): void {
    const { id, name, image, labels } = vm.config;
    this.#events.publish("container", action, {
      id,
      attributes: { ...labels, image, name, ...attributes },
    });
  }

  /** What clients are told of an event; of most nothing. */
  #changeOf({ type, action, actor: { id } }: EngineEvent): VmChange | undefined {
    if (type !== "container") return undefined;
    if (action === "destroy") return { kind: "removed", id };
    if (action.startsWith("health_status")) return { kind: "changed", id, vm: this.find(id).summary() };
    if (!["create", "start", "die", "pause", "unpause", "rename", "update"].includes(action))
      return undefined;
    const vm = this.find(id).summary();
    if (action === "die") return { kind: vm.state === "failed" ? "failed" : "exited", id, vm };
    if (action === "create") return { kind: "created", id, vm };
    return { kind: action === "start" ? "started" : "changed", id, vm };
  }
}

function stillRunning(name: string, isRestarting = false): MockerError {
  return new MockerError(
    "VM_RUNNING",
    `cannot remove container "${name}": container is ${isRestarting ? "restarting" : "running"}: stop the container before removing or force remove`,
  );
}

function stillPaused(name: string): MockerError {
  return new MockerError(
    "VM_RUNNING",
    `cannot remove container "${name}": container is paused and must be unpaused first`,
  );
}

/** Whether somebody takes connections at a socket. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

function anonymousVolumes({ mounts }: VmConfig): string[] {
  return mounts.flatMap((mount) => (isVolume(mount) && mount.anonymous ? [mount.name] : []));
}

/** What a database on a volume runs into otherwise says nothing of the reason. */
function ownershipWarning({ mounts }: VmConfig): string[] {
  const missing = mounts.some(isVolume) ? missingSubordinateIds() : undefined;
  if (missing === undefined) return [];
  return [
    `volumes belong to one user only, programs that run as others cannot write them: ${missing} (see: mocker doctor)`,
  ];
}

function simulationWarning(reason: string | undefined): string[] {
  if (reason === undefined) return [];
  return [`simulation, not a VM and not isolated: ${reason} (see: mocker doctor)`];
}

function newestFirst(a: VmSummary, b: VmSummary): number {
  return b.createdAt.localeCompare(a.createdAt) || b.id.localeCompare(a.id);
}
