import { join } from "node:path";
import { writeFileAtomic } from "../../../common/atomic-file.ts";
import { readJsonFile, writeJsonFile } from "../../../common/json-file.ts";
import type { RuntimeName } from "../../../protocol/engine.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type {
  Dns,
  GuestOptions,
  Healthcheck,
  LogConfig,
  Mount,
  Network,
  PortBinding,
  RestartPolicy,
  SecretVariable,
} from "../../../protocol/vm.ts";
import type { EndpointRecord } from "../../networks/endpoint.ts";
import {
  checkShape,
  configShape,
  exitShape,
  networkShape,
  restartShape,
  runtimeShape,
} from "./record-shapes.ts";

/** `config.json`: what a VM is. Written when it is created, and when its networks are changed. */
export interface VmConfig {
  version: 3;
  /** 64 hex digits. */
  id: string;
  name: string;
  /** As the user typed it. */
  image: string;
  imageId: string;
  /** RFC 3339. */
  createdAt: string;
  runtime: RuntimeName;
  /**
   * The simulation was asked for by name: root's workload may have the host's ids where it can have none of
   * its own.
   */
  hostIds?: boolean;
  entrypoint: string[];
  cmd: string[];
  /** `KEY=value`, the image's and the user's merged. */
  env: string[];
  /** Their values are in no record. Absent: none. */
  secretEnv?: SecretVariable[];
  workingDir: string;
  user: string;
  hostname: string;
  tty: boolean;
  openStdin: boolean;
  /** Absent in records of older versions: see {@link endsWithItsClient}. */
  stdinOnce?: boolean;
  autoRemove: boolean;
  mounts: Mount[];
  cpus: number;
  memoryMiB: number;
  network: Network;
  domainname: string;
  dns: Dns;
  /** `NAME:ADDRESS`; the address may be `host-gateway`. */
  extraHosts: string[];
  /** `80/tcp`, the image's and the user's. */
  exposedPorts: string[];
  publishAll: boolean;
  ports: PortBinding[];
  /** As the user gave them; absent in records of older engines. */
  securityOpt?: string[];
  labels: Record<string, string>;
  /** Absent in records of a Mocker that had one kind of log. */
  log?: LogConfig;
  stopSignal: string;
  stopTimeoutSeconds: number;
  /** Absent: it is not restarted. */
  restart?: RestartPolicy;
  /** The user's and the image's merged. */
  healthcheck?: Healthcheck;
  guest?: GuestOptions;
  annotations?: Record<string, string>;
}

/**
 * Whether the main process's input ends with the client that gives it (Docker's StdinOnce); older versions
 * did that for every VM with `-i`, and VMs that they made keep it. A terminal has no end.
 */
export function endsWithItsClient({ openStdin, stdinOnce, tty }: VmConfig): boolean {
  return openStdin && (stdinOnce ?? true) && !tty;
}

/** As it was before there were networks of ours. */
interface VmConfigV2
  extends Omit<
    VmConfig,
    "version" | "network" | "domainname" | "dns" | "extraHosts" | "exposedPorts" | "publishAll"
  > {
  version: 2;
  network: { mode: "tsi" | "none" };
}

/** As it was before mounts had types and a network could be more than its mode. */
interface VmConfigV1 extends Omit<VmConfigV2, "version" | "mounts" | "network" | "ports"> {
  version: 1;
  volumes: { source: string; target: string; readOnly: boolean }[];
  network: VmConfigV2["network"]["mode"];
}

function fromV1({ volumes, network, ...config }: VmConfigV1): VmConfigV2 {
  return {
    ...config,
    version: 2,
    mounts: volumes.map((volume) => ({ type: "bind", ...volume })),
    network: { mode: network },
    ports: [],
  };
}

/**
 * `tsi` was the only network there was, and what VMs had whose users had asked for none: they get what a VM
 * gets today without being asked.
 */
function fromV2({ network, ...config }: VmConfigV2): VmConfig {
  return {
    ...config,
    version: 3,
    network: network.mode === "none" ? network : { mode: "networks", attachments: [{ network: "bridge" }] },
    domainname: "",
    dns: {},
    extraHosts: [],
    exposedPorts: [],
    publishAll: false,
  };
}

/** @throws STATE_CORRUPT where what is to be changed is not there */
function migrated(config: VmConfig | VmConfigV2 | VmConfigV1, path: string): VmConfig {
  try {
    if (config.version === 1) return fromV2(fromV1(config));
    return config.version === 2 ? fromV2(config) : config;
  } catch (error) {
    throw new MockerError("STATE_CORRUPT", `${path} is damaged`, { cause: error });
  }
}

/** `network.json`: the VM's ends in its networks, of one start. */
export interface VmNetworkRecord {
  version: 1;
  endpoints: EndpointRecord[];
}

/** `runtime.json`: the monitor process of a start. Written by the monitor. */
export interface VmRuntimeRecord {
  version: 1;
  pid: number;
  /** Field 22 of /proc/PID/stat: with the pid it names a process for good. */
  startTimeTicks: number;
  /** The VM's own process, a child of the monitor; 0 if there was none. */
  childPid: number;
  /** Older monitors do not say it. */
  childStartTimeTicks?: number;
  /** Where its sockets are. Absent in records of older monitors. */
  runDir?: string;
  /** RFC 3339. */
  startedAt: string;
}

export type ExitReason =
  | "exited"
  | "vm-died"
  | "boot-failed"
  | "start-failed"
  | "vmm-killed"
  /** The host does not let the VM's process have a root of its own. */
  | "jail-refused";

/**
 * `exit.json`: how the last start ended. Written by the monitor; by the engine where the monitor was killed.
 */
export interface VmExitRecord {
  version: 1;
  exitCode: number;
  signal: number | null;
  reason: ExitReason;
  /** Sentence for the user; empty for an ordinary exit. */
  message: string;
  /** It was killed because it used more memory than its cgroup allows. */
  oomKilled?: boolean;
  /** RFC 3339, or null when the workload never ran. */
  startedAt: string | null;
  finishedAt: string;
}

/** `restart.json`: what of a VM's restarts outlives the engine. Absent: none of it has happened. */
export interface VmRestartRecord {
  version: 1;
  /** How often it was started by its policy since somebody did. */
  count: number;
  /** The host's boot in which somebody has stopped it since. */
  stoppedInBoot?: string;
}

/** The files of one VM's directory, or of a helper machine's, which has no `config.json`. */
export class VmFiles {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Throws what keeps one of its records from being read, the configuration first. */
  async check(): Promise<void> {
    await this.readConfig();
    await this.readExit();
    await this.readRuntime();
    await this.readNetwork();
    await this.readRestart();
  }

  get configPath(): string {
    return join(this.dir, "config.json");
  }
  get specPath(): string {
    return join(this.dir, "vmm.json");
  }
  get runtimePath(): string {
    return join(this.dir, "runtime.json");
  }
  get networkPath(): string {
    return join(this.dir, "network.json");
  }
  get restartPath(): string {
    return join(this.dir, "restart.json");
  }
  get exitPath(): string {
    return join(this.dir, "exit.json");
  }
  /** Held by the monitor for its life: the truth about whether the VM runs. */
  get lockPath(): string {
    return join(this.dir, "vmm.lock");
  }
  get logPath(): string {
    return join(this.dir, "log");
  }
  /** What the monitor and libkrun say. */
  get vmmLogPath(): string {
    return join(this.dir, "vmm.log");
  }
  get consolePath(): string {
    return join(this.dir, "console.log");
  }
  get diskPath(): string {
    return join(this.dir, "disk.ext4");
  }
  /** What a simulated VM has instead of a disk: the upper directory of its overlay. */
  get upperDir(): string {
    return join(this.dir, "upper");
  }
  get bootDir(): string {
    return join(this.dir, "boot");
  }

  async readConfig(): Promise<VmConfig | undefined> {
    const config = await readJsonFile<VmConfig | VmConfigV2 | VmConfigV1>(this.configPath, 3);
    return config && checkShape(configShape, migrated(config, this.configPath), this.configPath);
  }
  writeConfig(config: VmConfig): void {
    writeJsonFile(this.configPath, config);
  }
  async readNetwork(): Promise<VmNetworkRecord | undefined> {
    const record = await readJsonFile<VmNetworkRecord>(this.networkPath, 1);
    return record && checkShape(networkShape, record, this.networkPath);
  }
  /** It counts for one start, and need not survive a loss of power. */
  writeNetwork(record: VmNetworkRecord): void {
    writeFileAtomic(this.networkPath, JSON.stringify(record), this.dir, "nothing");
  }
  async readRuntime(): Promise<VmRuntimeRecord | undefined> {
    const record = await readJsonFile<VmRuntimeRecord>(this.runtimePath, 1);
    return record && checkShape(runtimeShape, record, this.runtimePath);
  }
  async readRestart(): Promise<VmRestartRecord | undefined> {
    const record = await readJsonFile<VmRestartRecord>(this.restartPath, 1);
    return record && checkShape(restartShape, record, this.restartPath);
  }
  writeRestart(record: VmRestartRecord): void {
    writeJsonFile(this.restartPath, record);
  }
  async readExit(): Promise<VmExitRecord | undefined> {
    const record = await readJsonFile<VmExitRecord>(this.exitPath, 1);
    return record && checkShape(exitShape, record, this.exitPath);
  }
  writeExit(record: VmExitRecord): void {
    writeJsonFile(this.exitPath, record);
  }
}
