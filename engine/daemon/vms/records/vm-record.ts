import { join } from "node:path";
import { readJsonFile, writeJsonFile } from "../../../common/json-file.ts";
import type { RuntimeName } from "../../../protocol/engine.ts";
import type { Mount, Network, PortBinding } from "../../../protocol/vm.ts";

/** `config.json`: what a VM is. Written once, when it is created. */
export interface VmConfig {
  version: 2;
  /** 64 hex digits. */
  id: string;
  name: string;
  /** As the user typed it. */
  image: string;
  imageId: string;
  /** RFC 3339. */
  createdAt: string;
  runtime: RuntimeName;
  entrypoint: string[];
  cmd: string[];
  /** `KEY=value`, the image's and the user's merged. */
  env: string[];
  workingDir: string;
  user: string;
  hostname: string;
  tty: boolean;
  openStdin: boolean;
  autoRemove: boolean;
  mounts: Mount[];
  cpus: number;
  memoryMiB: number;
  network: Network;
  ports: PortBinding[];
  labels: Record<string, string>;
  stopSignal: string;
  stopTimeoutSeconds: number;
}

/** As it was before mounts had types and a network could be more than its mode. */
interface VmConfigV1 extends Omit<VmConfig, "version" | "mounts" | "network" | "ports"> {
  version: 1;
  volumes: { source: string; target: string; readOnly: boolean }[];
  network: Network["mode"];
}

function fromV1({ volumes, network, ...config }: VmConfigV1): VmConfig {
  return {
    ...config,
    version: 2,
    mounts: volumes.map((volume) => ({ type: "bind", ...volume })),
    network: { mode: network },
    ports: [],
  };
}

/** `runtime.json`: the monitor process of a start. Written by the monitor. */
export interface VmRuntimeRecord {
  version: 1;
  pid: number;
  /** Field 22 of /proc/PID/stat: with the pid it names a process for good. */
  startTimeTicks: number;
  childPid: number;
  /** RFC 3339. */
  startedAt: string;
}

export type ExitReason = "exited" | "vm-died" | "boot-failed" | "start-failed" | "vmm-killed";

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
  /** RFC 3339, or null when the workload never ran. */
  startedAt: string | null;
  finishedAt: string;
}

/** The files of one VM's directory, or of a helper machine's, which has no `config.json`. */
export class VmFiles {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
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
  get bootDir(): string {
    return join(this.dir, "boot");
  }

  async readConfig(): Promise<VmConfig | undefined> {
    const config = await readJsonFile<VmConfig | VmConfigV1>(this.configPath, 2);
    return config?.version === 1 ? fromV1(config) : config;
  }
  writeConfig(config: VmConfig): void {
    writeJsonFile(this.configPath, config);
  }
  readRuntime(): Promise<VmRuntimeRecord | undefined> {
    return readJsonFile<VmRuntimeRecord>(this.runtimePath, 1);
  }
  readExit(): Promise<VmExitRecord | undefined> {
    return readJsonFile<VmExitRecord>(this.exitPath, 1);
  }
  writeExit(record: VmExitRecord): void {
    writeJsonFile(this.exitPath, record);
  }
}
