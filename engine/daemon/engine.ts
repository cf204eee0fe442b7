import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as native from "../../native/index.ts";
import { makeDirectory } from "../common/make-directory.ts";
import { configDir, dataDir, dockerSocketPath, runDir, socketPath } from "../common/paths.ts";
import { dockerRoutes } from "./api/docker/docker-routes.ts";
import { DockerServer } from "./api/docker/docker-server.ts";
import { bindConnection } from "./api/rpc/bind-connection.ts";
import { Server } from "./api/rpc/server.ts";
import { StreamServer } from "./api/rpc/stream-server.ts";
import { Streams } from "./api/rpc/streams.ts";
import { Uploads } from "./api/rpc/uploads.ts";
import { EventFeed } from "./events/event-feed.ts";
import { EventLog } from "./events/event-log.ts";
import { Idle } from "./idle.ts";
import { ImageStore } from "./images/image-store.ts";
import { RegistryService } from "./images/registry/registry-service.ts";
import type { Log } from "./log.ts";
import { NativeNetdLauncher } from "./networks/native-netd-launcher.ts";
import { defaultHostAddress } from "./networks/network-settings.ts";
import { Networks } from "./networks/networks.ts";
import { Commits } from "./system/commits.ts";
import { Copies } from "./system/copies.ts";
import { SystemService } from "./system/system-service.ts";
import { Checkpoints } from "./vms/checkpoints/checkpoints.ts";
import { Cgroups } from "./vms/machine/cgroups/cgroups.ts";
import { NativeLauncher } from "./vms/machine/native-launcher.ts";
import { StateDir } from "./vms/records/state-dir.ts";
import { KrunRuntime } from "./vms/runtimes/krun/krun-runtime.ts";
import { Runtimes } from "./vms/runtimes/runtimes.ts";
import { SimulationRuntime } from "./vms/runtimes/simulation/simulation-runtime.ts";
import { warnsOfSimulation } from "./vms/runtimes/simulation/simulation-settings.ts";
import { VmManager } from "./vms/vm-manager.ts";
import { VolumeDir } from "./volumes/volume-dir.ts";
import { VolumeService } from "./volumes/volume-service.ts";

const defaultIdleSeconds = 120;
const socketCheckMs = 2000;

async function ownIdsProblem(): Promise<string | undefined> {
  return (await native.probeJail(dataDir())).ownIdsProblem;
}

export interface EngineOptions {
  version: string;
  log: Log;
  /** Ends the process. */
  exit(): void;
}

/**
 * One user's engine: makes the services, which own the store and the VMs' records, then the doors to them.
 */
export class Engine {
  readonly version: string;
  readonly #log: Log;
  readonly #images: ImageStore;
  readonly #networks: Networks;
  readonly #vms: VmManager;
  readonly #volumes: VolumeService;
  readonly #server: Server;
  readonly #docker: DockerServer;
  readonly #idle: Idle;
  readonly #exit: () => void;

  constructor({ version, log, exit }: EngineOptions) {
    this.version = version;
    this.#log = log;
    this.#exit = exit;
    /** How registries are reached. */
    const registry = { configDir: configDir() };
    const events = new EventLog();
    const images = new ImageStore({
      dir: join(dataDir(), "images"),
      native: { tryLock: native.tryLock },
      helloPath: native.helloPath(),
      registry,
      log,
      usersOf: (imageId) => vms.usersOf(imageId),
      onEvent: (action, actor) => events.publish("image", action, actor),
    });
    const runtimes = new Runtimes(new KrunRuntime(images), new SimulationRuntime(images, ownIdsProblem));
    const networks = new Networks({
      dir: join(dataDir(), "networks"),
      runDir: runDir(),
      launcher: new NativeNetdLauncher(),
      events,
      log,
      users: () => vms.networkUsers(),
      defaultHostAddress: () => defaultHostAddress(registry.configDir),
    });
    const volumes = new VolumeService({
      dir: new VolumeDir(join(dataDir(), "volumes"), native.removeTree),
      events,
      log,
      usersOf: (name) => vms.usersOfVolume(name),
      nameOf: (vmId) => vms.nameOf(vmId),
    });
    const cgroups = new Cgroups();
    const state = new StateDir(join(dataDir(), "state"), native.removeTree);
    const vms = new VmManager({
      launcher: new NativeLauncher(),
      cgroups,
      networks,
      events,
      state,
      images,
      volumes,
      runtimes,
      warnsOfSimulation: () => warnsOfSimulation(registry.configDir),
      runDir: runDir(),
      log,
    });
    this.#images = images;
    this.#networks = networks;
    this.#vms = vms;
    this.#volumes = volumes;
    this.#idle = new Idle({
      ms: Number(process.env.MOCKER_IDLE_SECONDS ?? defaultIdleSeconds) * 1000,
      isBusy: () => vms.counts().running > 0,
      onIdle: () => this.stop("idle"),
    });
    const registries = new RegistryService(registry);
    const streams = new Streams();
    const services = {
      engine: this,
      events: new EventFeed(events),
      images,
      registry: registries,
      networks,
      vms,
      volumes,
      system: new SystemService({
        version,
        registries: () => registries.places(),
        images,
        vms,
        volumes,
        networks,
        runtimes,
        cgroups,
      }),
      copies: new Copies(vms, images),
      checkpoints: new Checkpoints(vms, state, native.copyTree),
      commits: new Commits(vms, images),
      streams: new StreamServer(streams, log),
      uploads: new Uploads(streams),
    };
    this.#server = new Server({
      socketPath: socketPath(),
      streams,
      log,
      bind: (connection) => bindConnection(connection, services),
      hold: () => this.#idle.hold(),
    });
    this.#docker = new DockerServer({
      socketPath: dockerSocketPath(),
      router: dockerRoutes(services),
      version,
      log,
      hold: () => this.#idle.hold(),
    });
  }

  /** `second`: another engine has the store, `elsewhere`: and its socket is not where this one's would be. */
  async start(): Promise<"started" | "second" | "elsewhere"> {
    makeDirectory(dataDir());
    const lockPath = join(dataDir(), "engine.lock");
    // Held until the process ends, however it ends.
    const lock = native.tryLock(lockPath);
    if (!lock) {
      const other = readFileSync(lockPath, "utf8");
      return other === "" || other === socketPath() ? "second" : "elsewhere";
    }
    try {
      writeFileSync(lockPath, socketPath());
    } catch (error) {
      // Of use to a second engine only.
      this.#log.warn("engine.lock", { error: String(error) });
    }
    await this.#images.recover();
    await this.#networks.recover();
    await this.#volumes.recover();
    await this.#vms.recover();
    await this.#volumes.removeOrphans((id) => this.#vms.has(id));
    this.#networks.removeOrphans();
    this.#vms.onDidChange(() => this.#idle.check());
    await this.#docker.listen();
    await this.#server.listen();
    this.#vms.restartDue();
    this.#log.info("engine.started", { pid: process.pid, version: this.version, socket: socketPath() });
    this.#idle.check();
    this.#watchSocket();
    return "started";
  }

  /** Ends the process. VMs go on running; the next engine adopts them. */
  stop(reason: string): void {
    this.#log.info("engine.stopping", { reason });
    this.#server.withdraw();
    this.#docker.withdraw();
    this.#exit();
  }

  /**
   * If the socket file is gone no client can reach us, yet we hold the store's lock: exit, so that a new
   * engine can start.
   */
  #watchSocket(): void {
    const timer = setInterval(() => {
      if (!this.#server.reachable()) this.stop("the socket is gone");
    }, socketCheckMs);
    timer.unref();
  }
}
