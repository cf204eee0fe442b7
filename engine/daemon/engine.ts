import { mkdirSync } from "node:fs";
import type { Socket } from "node:net";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import * as native from "../../native/index.ts";
import { configDir, dataDir, runDir, socketPath } from "../common/paths.ts";
import { type DoctorReport, type EngineInfo, protocolVersion } from "../protocol/engine.ts";
import { MockerError } from "../protocol/errors.ts";
import { sendBytes } from "./api/rpc/byte-stream.ts";
import { bindConnection } from "./api/rpc/handlers.ts";
import { Server } from "./api/rpc/server.ts";
import { Streams } from "./api/rpc/streams.ts";
import { Uploads } from "./api/rpc/uploads.ts";
import { EventLog } from "./events/event-log.ts";
import { ImageStore } from "./images/image-store.ts";
import type { Log } from "./log.ts";
import { runDoctor } from "./system/doctor.ts";
import { NativeLauncher } from "./vms/machine/native-launcher.ts";
import { StateDir } from "./vms/records/state-dir.ts";
import { findKrunLibrary } from "./vms/runtimes/krun/krun-library.ts";
import { KrunRuntime } from "./vms/runtimes/krun/krun-runtime.ts";
import { Runtimes } from "./vms/runtimes/runtimes.ts";
import { SimulationRuntime } from "./vms/runtimes/simulation/simulation-runtime.ts";
import { VmManager } from "./vms/vm-manager.ts";

const defaultIdleSeconds = 120;
const socketCheckMs = 2000;

export interface EngineOptions {
  version: string;
  log: Log;
  /** Ends the process. */
  exit(): void;
}

/** One user's engine: owns the store, the VMs' records and the socket. */
export class Engine {
  readonly version: string;
  readonly log: Log;
  /** How registries are reached. */
  readonly registry = { configDir: configDir() };
  readonly images: ImageStore;
  readonly vms: VmManager;
  /** What has happened to VMs and execs. */
  readonly events = new EventLog();
  readonly streams = new Streams();
  readonly uploads = new Uploads(this.streams);
  readonly #runtimes: Runtimes;
  readonly #server: Server;
  readonly #exit: () => void;
  readonly #startedMs = Date.now();
  readonly #idleMs = Number(process.env.MOCKER_IDLE_SECONDS ?? defaultIdleSeconds) * 1000;
  #idleTimer: NodeJS.Timeout | undefined;
  #connections = 0;

  constructor(options: EngineOptions) {
    this.version = options.version;
    this.log = options.log;
    this.#exit = options.exit;
    this.images = new ImageStore({
      dir: join(dataDir(), "images"),
      native: { tryLock: native.tryLock },
      helloPath: native.helloPath(),
      registry: this.registry,
      log: this.log,
    });
    this.#runtimes = new Runtimes(new KrunRuntime(this.images), new SimulationRuntime(this.images));
    this.vms = new VmManager({
      launcher: new NativeLauncher(),
      events: this.events,
      state: new StateDir(join(dataDir(), "state"), native.removeTree),
      images: this.images,
      runtimes: this.#runtimes,
      runDir: runDir(),
      log: this.log,
    });
    this.#server = new Server({
      socketPath: socketPath(),
      streams: this.streams,
      log: this.log,
      onConnection: (connection) => bindConnection(connection, this),
      onConnectionCount: (count) => {
        this.#connections = count;
        this.#watchIdle();
      },
    });
  }

  /** False when another engine owns the store. */
  async start(): Promise<boolean> {
    mkdirSync(dataDir(), { recursive: true, mode: 0o700 });
    // Held until the process ends, however it ends.
    const lock = native.tryLock(join(dataDir(), "engine.lock"));
    if (!lock) return false;
    await this.images.recover();
    await this.vms.recover();
    this.vms.onDidChange(() => this.#watchIdle());
    await this.#server.listen();
    this.log.info("engine.started", { pid: process.pid, version: this.version, socket: socketPath() });
    this.#watchIdle();
    this.#watchSocket();
    return true;
  }

  /** VMs go on running; the next engine takes them up. */
  stop(reason: string): void {
    this.log.info("engine.stopping", { reason });
    this.#server.withdraw();
    this.#exit();
  }

  info(): EngineInfo {
    const library = findKrunLibrary();
    const choice = this.#runtimes.choose("auto");
    const found = library instanceof MockerError ? undefined : library;
    return {
      version: this.version,
      protocolVersion,
      enginePid: process.pid,
      runtime: choice.runtime.name,
      ...(choice.simulationReason === undefined ? {} : { simulationReason: choice.simulationReason }),
      libkrunVersion: found?.version ?? null,
      libkrunPath: found?.path ?? null,
      guestKernelVersion: found?.kernelVersion ?? null,
      dataDir: dataDir(),
      socketPath: socketPath(),
      vms: this.vms.counts(),
      images: this.images.count(),
      nodeVersion: process.version,
      hostKernelVersion: release(),
      architecture: process.arch,
      cpus: cpus().length,
      memoryMiB: Math.round(totalmem() / 1024 / 1024),
      uptimeSeconds: Math.round((Date.now() - this.#startedMs) / 1000),
      engineRssMiB: Math.round(process.memoryUsage.rss() / 1024 / 1024),
    };
  }

  doctor(): DoctorReport {
    return runDoctor();
  }

  /** Sends what is asked for down a client's stream; the client may leave at any time. */
  send(chunks: AsyncIterable<Buffer>, socket: Socket): void {
    sendBytes(socket, chunks).catch((error) => {
      this.log.error("send", error);
      socket.destroy();
    });
  }

  /** An engine whose socket was swept away holds the store and serves nobody: it makes room for the next. */
  #watchSocket(): void {
    const timer = setInterval(() => {
      if (!this.#server.reachable()) this.stop("the socket is gone");
    }, socketCheckMs);
    timer.unref();
  }

  #watchIdle(): void {
    clearTimeout(this.#idleTimer);
    if (this.#idleMs <= 0 || this.#connections > 0 || this.vms.counts().running > 0) return;
    this.#idleTimer = setTimeout(() => this.stop("idle"), this.#idleMs);
  }
}
