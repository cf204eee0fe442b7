/** Virtual machines without machines: a real VmManager and state directory over fake monitors. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { EventLog } from "../../../../engine/daemon/events/event-log.ts";
import { Log } from "../../../../engine/daemon/log.ts";
import { Networks } from "../../../../engine/daemon/networks/networks.ts";
import { StateDir } from "../../../../engine/daemon/vms/records/state-dir.ts";
import type { VmFiles } from "../../../../engine/daemon/vms/records/vm-record.ts";
import type {
  Availability,
  BootRequest,
  PreparedVm,
  Runtime,
} from "../../../../engine/daemon/vms/runtimes/runtime.ts";
import { Runtimes } from "../../../../engine/daemon/vms/runtimes/runtimes.ts";
import type { Vm } from "../../../../engine/daemon/vms/vm.ts";
import { VmManager } from "../../../../engine/daemon/vms/vm-manager.ts";
import { VolumeDir } from "../../../../engine/daemon/volumes/volume-dir.ts";
import { VolumeService } from "../../../../engine/daemon/volumes/volume-service.ts";
import { MockerError } from "../../../../engine/protocol/errors.ts";
import type { ImageDetails } from "../../../../engine/protocol/image.ts";
import type { VmChange, VmCreateParams } from "../../../../engine/protocol/vm.ts";
import { tmpDir } from "../../../support/tmp-dir.ts";
import { FakeNetds } from "../networks/fake-netd.ts";
import { FakeLauncher, type FakeMonitor } from "./machine/fake-monitor.ts";

/** Of `box`; the image `data` is the same with a volume at /data. */
const image: ImageDetails = {
  id: `sha256:${"a".repeat(64)}`,
  repoTags: ["box:latest"],
  repoDigests: [],
  created: "2026-01-01T00:00:00Z",
  sizeBytes: 1,
  architecture: "amd64",
  os: "linux",
  labels: {},
  manifestDigest: `sha256:${"b".repeat(64)}`,
  layers: [],
  author: "",
  config: {
    env: [],
    entrypoint: [],
    cmd: ["serve"],
    workingDir: "/srv",
    user: "app",
    stopSignal: "",
    exposedPorts: [],
    volumes: [],
    labels: {},
  },
};

/** A runtime whose preparation can be held up. */
export class FakeRuntime implements Runtime {
  readonly name = "simulation";
  /** Awaited by every preparation. */
  gate: Promise<void> = Promise.resolve();
  #begin: () => void = () => undefined;
  /** Resolves when the first preparation has begun. */
  readonly entered = new Promise<void>((resolve) => {
    this.#begin = resolve;
  });
  /** What VMs were prepared from. */
  readonly requests: BootRequest[] = [];
  /** What helper machines were prepared from, to read and to change a VM's files. */
  readonly copies: BootRequest[] = [];
  readonly changes: BootRequest[] = [];

  availability(): Availability {
    return { usable: true };
  }

  /** What keeps its VMs from having network cards. */
  problem: string | undefined;

  async unaskedProblem(): Promise<undefined> {
    return undefined;
  }

  cardsProblem(): string | undefined {
    return this.problem;
  }

  async prepare(request: BootRequest, files: VmFiles): Promise<PreparedVm> {
    this.#begin();
    this.requests.push(request);
    await this.gate;
    const upper = join(files.dir, "upper");
    // Fails when the directory was taken away under a start.
    if (!existsSync(upper)) mkdirSync(upper);
    return {
      launch: { simulation: { network: "host", hostIds: false, cpus: 1, memoryMiB: 64, paths: [upper] } },
      rootfs: { kind: "overlay", lower: "/lower", upper, work: join(files.dir, "work") },
      mounts: [],
    };
  }

  async prepareCopy(request: BootRequest, _files: VmFiles, scratch: VmFiles): Promise<PreparedVm> {
    this.copies.push(request);
    return await this.prepare(request, scratch);
  }

  async prepareChange(request: BootRequest, files: VmFiles): Promise<PreparedVm> {
    this.changes.push(request);
    return await this.prepare(request, files);
  }
}

export class FakeVms {
  readonly dir = tmpDir();
  readonly launcher: FakeLauncher;
  readonly netds: FakeNetds;
  readonly networks: Networks;
  readonly runtime = new FakeRuntime();
  readonly events = new EventLog();
  readonly changes: VmChange[] = [];
  /** The setting; throws where its file cannot be read. */
  warnsOfSimulation: () => boolean = () => true;
  readonly log: Log;
  readonly state: StateDir;
  readonly manager: VmManager;
  readonly volumes: VolumeService;
  #recovered: Promise<void> | undefined;

  /** `predecessor`: the engine that ended before; its monitors live on. */
  constructor(predecessor?: FakeVms) {
    this.launcher = predecessor?.launcher ?? new FakeLauncher();
    this.netds = predecessor?.netds ?? new FakeNetds();
    this.log = new Log(join(this.dir, "engine.jsonl"), "debug");
    this.state = new StateDir(predecessor?.state.path ?? join(this.dir, "state"), async () => undefined);
    const runDir = predecessor?.runDir ?? this.dir;
    this.networks = new Networks({
      dir: join(this.state.path, "..", "networks"),
      runDir,
      launcher: this.netds,
      events: this.events,
      log: this.log,
      users: () => this.manager.networkUsers(),
      defaultHostAddress: () => "",
      routes: async () => [],
    });
    this.volumes = new VolumeService({
      dir: new VolumeDir(predecessor?.volumesPath ?? join(this.dir, "volumes"), async () => undefined),
      events: this.events,
      log: this.log,
      usersOf: (name) => this.manager.usersOfVolume(name),
      nameOf: (vmId) => this.manager.nameOf(vmId),
    });
    this.manager = new VmManager({
      networks: this.networks,
      volumes: this.volumes,
      state: this.state,
      images: {
        get: async (reference) => {
          if (reference === "box") return image;
          if (reference === "data") return { ...image, config: { ...image.config, volumes: ["/data"] } };
          throw new MockerError("IMAGE_NOT_FOUND", `No such image: ${reference}`);
        },
      },
      runtimes: new Runtimes(this.runtime, this.runtime),
      warnsOfSimulation: () => this.warnsOfSimulation(),
      launcher: this.launcher,
      events: this.events,
      runDir,
      log: this.log,
    });
    this.manager.onDidChange((change) => this.changes.push(change));
  }

  get runDir(): string {
    return this.dir;
  }
  get volumesPath(): string {
    return join(this.dir, "volumes");
  }

  /** As the engine does when it starts. */
  async recover(): Promise<void> {
    await this.networks.recover();
    await this.volumes.recover();
    await this.manager.recover();
    await this.volumes.removeOrphans((id) => this.manager.has(id));
  }

  async create(params: Partial<VmCreateParams> = {}): Promise<Vm> {
    this.#recovered ??= this.recover();
    await this.#recovered;
    const { id } = await this.manager.create({ image: "box", name: "box", ...params });
    return this.manager.find(id);
  }

  /** A VM that runs, and its monitor. */
  async run(params: Partial<VmCreateParams> = {}): Promise<{ vm: Vm; monitor: FakeMonitor }> {
    const vm = await this.create(params);
    await this.manager.start({ vm: vm.id });
    return { vm, monitor: this.launcher.last };
  }

  /** What happened to VMs, by its actions. */
  actions(): string[] {
    return this.events.between().flatMap(({ type, action }) => (type === "container" ? [action] : []));
  }

  /** What the engine's log has of errors. */
  errors(): string[] {
    return readFileSync(this.log.path, "utf8")
      .split("\n")
      .filter((line) => line.includes('"level":"error"'));
  }
}
