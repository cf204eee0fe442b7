import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isLocked, killProcess } from "../../../native/index.ts";
import { parseTime } from "../../docker/times.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { ImageDetails } from "../../protocol/image.ts";
import type {
  VmAttachParams,
  VmChange,
  VmCreateParams,
  VmCreateResult,
  VmDetails,
  VmExecParams,
  VmListParams,
  VmLogsParams,
  VmStartParams,
  VmStopParams,
  VmSummary,
  VmWaitParams,
  VmWaitResult,
} from "../../protocol/vm.ts";
import type { Log } from "../log.ts";
import { LogStream } from "./logs/log-stream.ts";
import type { Attachment } from "./machine/attachment.ts";
import type { CopyPath } from "./machine/copy-path.ts";
import { checkName, generateName } from "./names.ts";
import type { StateDir } from "./records/state-dir.ts";
import type { VmConfig, VmFiles } from "./records/vm-record.ts";
import type { PreparedVm, Runtime } from "./runtimes/runtime.ts";
import type { Runtimes } from "./runtimes/runtimes.ts";
import { Vm, type VmEvent, type VmHost } from "./vm.ts";
import { makeVmConfig } from "./vm-config.ts";
import { filterVms } from "./vm-filters.ts";

const defaultTerminal = { rows: 24, columns: 80 };
const maxReplayBytes = 64 * 1024;

interface Images {
  get(reference: string): Promise<ImageDetails>;
}

/**
 * All VMs of the store, and what can be asked of them: the one place of defaults, caps and rules, whichever door a
 * request came through. Its map mirrors the directories under `state/`; names are unique among them. Everything that
 * takes a `vm` (id, name or unique id prefix) throws VM_NOT_FOUND in Docker's words.
 */
export class VmManager implements VmHost {
  readonly log: Log;
  readonly #state: StateDir;
  readonly #images: Images;
  readonly #runtimes: Runtimes;
  readonly #runDir: string;
  readonly #vms = new Map<string, Vm>();
  readonly #reservedNames = new Set<string>();
  readonly #making = new Set<VmConfig>();
  readonly #listeners = new Set<(change: VmChange) => void>();
  readonly #exitWaiters = new Map<string, Set<() => void>>();
  readonly #removeWaiters = new Map<string, Set<() => void>>();

  constructor(options: { state: StateDir; images: Images; runtimes: Runtimes; runDir: string; log: Log }) {
    this.#state = options.state;
    this.#images = options.images;
    this.#runtimes = options.runtimes;
    this.#runDir = options.runDir;
    this.log = options.log;
  }

  /** Reads every record and takes up the VMs that still run. One broken record hides no other. */
  async recover(): Promise<void> {
    for (const scratch of await this.#state.leftScratch()) await endLeftMachine(scratch);
    await Promise.all(
      (await this.#state.recover()).map(async (id) => {
        try {
          const files = this.#state.files(id);
          const config = await files.readConfig();
          if (!config) throw new MockerError("STATE_CORRUPT", `${files.configPath} is missing`);
          const vm = new Vm(config, files, this.#runtimes.byName(config.runtime), this);
          this.#vms.set(id, vm);
          await vm.recover();
          if (config.autoRemove && !vm.running && vm.state !== "created") await this.#remove(vm);
        } catch (error) {
          this.log.error("vm.recover", error, { vm: id });
        }
      }),
    );
  }

  /** Sockets have short paths: twelve hex digits name a VM well enough within one store. */
  runDir(vmId: string): string {
    return join(this.#runDir, "vm", vmId.slice(0, 12));
  }

  onDidChange(listener: (change: VmChange) => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  }

  changed(vm: Vm, event: VmEvent): void {
    this.#emit({ kind: event, id: vm.id, vm: vm.summary() });
    if (event !== "exited" && event !== "failed") return;
    ring(this.#exitWaiters, vm.id);
    if (vm.config.autoRemove && !vm.removing) {
      this.#remove(vm).catch((error) => this.log.error("vm.autoRemove", error, { vm: vm.id }));
    }
  }

  async create(params: VmCreateParams): Promise<VmCreateResult> {
    const name = this.#reserveName(params.name);
    try {
      const image = await this.#images.get(params.image);
      const choice = this.#runtimes.choose(params.runtime ?? "auto");
      const config = makeVmConfig(params, image, name, choice.runtime.name, new Date());
      // Its image must not be removed before the VM is known.
      this.#making.add(config);
      let vm: Vm;
      try {
        const files = await this.#state.create(config);
        vm = new Vm(config, files, choice.runtime, this);
        this.#vms.set(config.id, vm);
      } finally {
        this.#making.delete(config);
      }
      this.#emit({ kind: "created", id: vm.id, vm: vm.summary() });
      return {
        id: config.id,
        name,
        runtime: choice.runtime.name,
        warnings: simulationWarning(choice.simulationReason),
      };
    } finally {
      this.#reservedNames.delete(name);
    }
  }

  /** Boots a VM and answers when its main process runs; at once when it runs already. */
  async start({ vm: name, rows, columns }: VmStartParams): Promise<{ id: string }> {
    const vm = this.find(name);
    await vm.start({ rows: rows ?? defaultTerminal.rows, columns: columns ?? defaultTerminal.columns });
    return { id: vm.id };
  }

  /** Answers when the VM has ended, with how it ended last; at once when it does not run. */
  async stop({ vm: name, signal, timeoutSeconds }: VmStopParams): Promise<{ id: string; exitCode: number }> {
    const vm = this.find(name);
    await vm.stop(signal, timeoutSeconds);
    return { id: vm.id, exitCode: vm.exit?.exitCode ?? 0 };
  }

  /** Sends a signal, KILL if none is named. @throws VM_NOT_RUNNING */
  async kill({ vm: name, signal }: { vm: string; signal?: string | undefined }): Promise<{ id: string }> {
    const vm = this.find(name);
    await vm.kill(signal);
    return { id: vm.id };
  }

  /** @throws VM_RUNNING without `force` */
  async remove({ vm: name, force }: { vm: string; force?: boolean | undefined }): Promise<{ id: string }> {
    const vm = this.find(name);
    if (vm.running) {
      if (!force) {
        throw new MockerError(
          "VM_RUNNING",
          `cannot remove container "${vm.config.name}": container is running: stop the container before removing or force remove`,
        );
      }
      vm.removing = true;
      await vm.kill("KILL");
    }
    if (this.#vms.has(vm.id)) await this.#remove(vm);
    return { id: vm.id };
  }

  inspect({ vm }: { vm: string }): VmDetails {
    return this.find(vm).details();
  }

  async wait(params: VmWaitParams): Promise<VmWaitResult> {
    const vm = this.find(params.vm);
    const condition = params.condition ?? "not-running";
    if (condition === "next-exit" || (condition === "removed" && vm.exit === undefined) || vm.running) {
      await this.#waitFor(this.#exitWaiters, vm.id);
    }
    if (condition === "removed" && (this.#vms.has(vm.id) || vm.removing)) {
      await this.#waitFor(this.#removeWaiters, vm.id);
    }
    const exit = vm.exit;
    return {
      exitCode: exit?.exitCode ?? 0,
      ...(exit === undefined || exit.message === "" ? {} : { reason: exit.message }),
    };
  }

  async list(params: VmListParams): Promise<VmSummary[]> {
    const all = [...this.#vms.values()].map((vm) => vm.summary()).sort(newestFirst);
    const filters = params.filters ?? {};
    // Docker shows stopped VMs too when a filter speaks of states.
    const everything = params.all || params.last !== undefined || "status" in filters || "exited" in filters;
    const candidates = everything ? all : all.filter((vm) => vm.state === "running" || vm.state === "paused");
    const kept = await filterVms(candidates, filters, {
      all,
      imageId: async (reference) => (await this.#images.get(reference).catch(() => undefined))?.id,
      find: (vm) => this.find(vm).summary(),
    });
    return params.last !== undefined && params.last > 0 ? kept.slice(0, params.last) : kept;
  }

  /** Stream of the main process; of its next start when the VM does not run. `tty`: stdout has both outputs. */
  async attach(params: VmAttachParams): Promise<{ attachment: Attachment; tty: boolean }> {
    const vm = this.find(params.vm);
    const replayBytes = Math.min(params.replayBytes ?? 0, maxReplayBytes);
    return { attachment: await vm.attach(replayBytes, params.stdin ?? false), tty: vm.config.tty };
  }

  /** Resizes the main process's terminal. @throws VM_NOT_RUNNING */
  async resize({ vm, rows, columns }: { vm: string; rows: number; columns: number }): Promise<void> {
    await this.find(vm).resize("main", { rows, columns });
  }

  /** What the VM has written, ready to be sent. `tty`: stdout has both outputs. @throws INVALID_ARGUMENT for a time */
  logs(params: VmLogsParams): { log: LogStream; tty: boolean } {
    const vm = this.find(params.vm);
    const nowMs = Date.now();
    const log = new LogStream(vm.files.logPath, this.log, {
      tail: params.tail,
      timestamps: params.timestamps ?? false,
      sinceMs: parseTime(params.since, nowMs),
      untilMs: parseTime(params.until, nowMs),
      follow: params.follow && vm.running ? { ended: vm.ended } : undefined,
    });
    return { log, tty: vm.config.tty };
  }

  /** Starts a process in a running VM; without an attachment if it is detached. @throws VM_NOT_RUNNING */
  async exec(params: VmExecParams): Promise<{ execId: string; attachment?: Attachment }> {
    return this.find(params.vm).exec(params);
  }

  /** Resizes an exec's terminal. @throws VM_NOT_RUNNING */
  async execResize(params: { vm: string; execId: string; rows: number; columns: number }): Promise<void> {
    await this.find(params.vm).resize(params.execId, { rows: params.rows, columns: params.columns });
  }

  /** @throws VM_NOT_RUNNING, INVALID_ARGUMENT for the signal */
  async execSignal({ vm, execId, signal }: { vm: string; execId: string; signal: string }): Promise<void> {
    await this.find(vm).signalExec(execId, signal);
  }

  /** Docker's `export`: a VM's root file system as a stream of tar, whether it runs or not. */
  async export({ vm }: { vm: string }): Promise<Attachment> {
    return this.#archive(this.find(vm));
  }

  /** What `copy` names in a VM's root file system, as a stream of tar. Its status 2 says that there is no such path. */
  async copy({ vm, copy }: { vm: string; copy: CopyPath }): Promise<Attachment> {
    return this.#archive(this.find(vm), copy);
  }

  /** A VM that runs writes it itself; for one that does not, a helper machine does, which is gone with the stream. */
  async #archive(vm: Vm, copy?: CopyPath): Promise<Attachment> {
    if (vm.running) return await vm.export(copy);
    const config: VmConfig = {
      ...vm.config,
      id: randomBytes(32).toString("hex"),
      volumes: [],
      network: "none",
      tty: false,
      openStdin: false,
      autoRemove: false,
      user: "",
      workingDir: "/",
    };
    const scratch = await this.#state.scratch(config);
    const prepare = (): Promise<PreparedVm> => vm.runtime.prepareCopy(config, vm.files, scratch);
    const runtime: Runtime = {
      name: vm.runtime.name,
      availability: () => vm.runtime.availability(),
      prepare,
      prepareCopy: prepare,
    };
    const host: VmHost = { log: this.log, runDir: (id) => this.runDir(id), changed: () => undefined };
    const machine = new Vm(config, scratch, runtime, host, true);
    const end = async (): Promise<void> => {
      if (machine.running) await machine.kill("KILL");
      await this.#state.discard(scratch);
    };
    try {
      await vm.whileStopped(() => machine.start(defaultTerminal));
      const attachment = await machine.export(copy);
      attachment.closed.then(end).catch((error) => this.log.error("vm.export", error, { vm: vm.id }));
      return attachment;
    } catch (error) {
      await end();
      throw error;
    }
  }

  /** By id, name or unique id prefix; VM_NOT_FOUND in Docker's words. */
  find(nameOrId: string): Vm {
    const wanted = nameOrId.replace(/^\//, "");
    const exact = this.#vms.get(wanted) ?? [...this.#vms.values()].find((vm) => vm.config.name === wanted);
    if (exact) return exact;
    const matches = /^[0-9a-f]+$/.test(wanted)
      ? [...this.#vms.values()].filter((vm) => vm.id.startsWith(wanted))
      : [];
    if (matches.length === 1) return matches[0] as Vm;
    if (matches.length > 1) {
      throw new MockerError("VM_NOT_FOUND", `Multiple IDs found with provided prefix: ${wanted}`);
    }
    throw new MockerError("VM_NOT_FOUND", `No such container: ${nameOrId}`);
  }

  counts(): { total: number; running: number } {
    const vms = [...this.#vms.values()];
    return { total: vms.length, running: vms.filter((vm) => vm.running).length };
  }

  /** The VMs that were made from an image. */
  usersOf(imageId: string): { id: string; name: string; running: boolean }[] {
    const made = [...this.#vms.values()].map(({ config, running }) => ({ config, running }));
    const making = [...this.#making].map((config) => ({ config, running: false }));
    return [...made, ...making]
      .filter(({ config }) => config.imageId === imageId)
      .map(({ config, running }) => ({ id: config.id, name: config.name, running }));
  }

  async #remove(vm: Vm): Promise<void> {
    vm.removing = true;
    this.#vms.delete(vm.id);
    try {
      await this.#state.remove(vm.id, !vm.config.autoRemove);
    } catch (error) {
      if (existsSync(vm.files.dir)) {
        this.#vms.set(vm.id, vm);
        vm.removing = false;
        throw error;
      }
      // The record is gone; the next engine sweeps what could not be erased.
      this.log.error("vm.erase", error, { vm: vm.id });
    }
    vm.removing = false;
    ring(this.#exitWaiters, vm.id);
    ring(this.#removeWaiters, vm.id);
    this.#emit({ kind: "removed", id: vm.id });
  }

  #reserveName(wanted: string | undefined): string {
    const isTaken = (name: string): boolean =>
      this.#reservedNames.has(name) || [...this.#vms.values()].some((vm) => vm.config.name === name);
    if (wanted === undefined) {
      const name = generateName(isTaken);
      this.#reservedNames.add(name);
      return name;
    }
    const name = wanted.replace(/^\//, "");
    checkName(name);
    if (isTaken(name)) {
      const holder = [...this.#vms.values()].find((vm) => vm.config.name === name);
      throw new MockerError(
        "VM_NAME_IN_USE",
        `Conflict. The container name "/${name}" is already in use by container "${holder?.id ?? "that is being created"}". You have to remove (or rename) that container to be able to reuse that name.`,
        { hint: `Remove it with: mocker rm ${name}` },
      );
    }
    this.#reservedNames.add(name);
    return name;
  }

  #waitFor(waiters: Map<string, Set<() => void>>, vmId: string): Promise<void> {
    return new Promise((resolve) => {
      const set = waiters.get(vmId) ?? new Set();
      waiters.set(vmId, set);
      set.add(resolve);
    });
  }

  #emit(change: VmChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

/** Kills what an engine that ended had running beside a VM. */
async function endLeftMachine(files: VmFiles): Promise<void> {
  if (!isLocked(files.lockPath)) return;
  const left = await files.readRuntime().catch(() => undefined);
  if (left) killProcess(left.pid, left.startTimeTicks, 9);
}

function ring(waiters: Map<string, Set<() => void>>, vmId: string): void {
  for (const resolve of waiters.get(vmId) ?? []) resolve();
  waiters.delete(vmId);
}

function simulationWarning(reason: string | undefined): string[] {
  if (reason === undefined) return [];
  return [`simulation, not a VM and not isolated: ${reason} (see: mocker doctor)`];
}

function newestFirst(a: VmSummary, b: VmSummary): number {
  return b.createdAt.localeCompare(a.createdAt) || b.id.localeCompare(a.id);
}
