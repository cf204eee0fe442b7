import { NotificationType, RequestType } from "vscode-jsonrpc";
import type { RuntimeName } from "./engine.ts";
import type { ErrorData } from "./errors.ts";
import type { VmEndpoint, VmPort } from "./network.ts";
import type { Mount } from "./params/mount.ts";
import type { Dns, Network, PortBinding } from "./params/network.ts";
import type {
  ExecResizeParams,
  ExecSignalParams,
  LogConfig,
  SecretVariable,
  VmAttachParams,
  VmCreateParams,
  VmExecParams,
  VmKillParams,
  VmListParams,
  VmLogsParams,
  VmParams,
  VmPruneParams,
  VmRemoveParams,
  VmRenameParams,
  VmResizeParams,
  VmRestartParams,
  VmStartParams,
  VmStopParams,
  VmTopParams,
  VmUpdateParams,
  VmWaitParams,
} from "./params/vm.ts";
import type { GuestOptions, Healthcheck, RestartPolicy } from "./params/vm-options.ts";
import type { StreamRef } from "./stream.ts";

export type * from "./params/mount.ts";
export type * from "./params/network.ts";
export type * from "./params/vm.ts";
export type * from "./params/vm-options.ts";

/** `dead`: its record cannot be read; it can only be removed. */
export type VmState = "created" | "running" | "paused" | "restarting" | "exited" | "failed" | "dead";

/** One run of a VM's health check. */
export interface HealthLogEntry {
  /** RFC 3339. */
  start: string;
  end: string;
  /** 0 is healthy; -1 where the check did not end by itself. */
  exitCode: number;
  /** At most 4096 bytes of what it printed. */
  output: string;
}

/** What a VM's health check has told of its last start. */
export interface Health {
  status: "starting" | "healthy" | "unhealthy";
  failingStreak: number;
  /** The latest five, oldest first. */
  log: HealthLogEntry[];
}

/** One of the things that contain a VM's process on the host. */
export interface JailLayer {
  /** `own root`, `user namespace`, `PID namespace`, `Landlock`, `seccomp`, … */
  name: string;
  on: boolean;
  /** What it is exactly, or why it is not on. */
  detail?: string;
}

export interface VmSummary {
  /** 64 hex digits. */
  id: string;
  name: string;
  /** As the user typed it. */
  image: string;
  imageId: string;
  /** Entry point and arguments. */
  command: string[];
  /** RFC 3339. */
  createdAt: string;
  state: VmState;
  /**
   * Docker's words: `Up 3 seconds`, `Exited (0) 2 minutes ago`; `(simulation)` is added for simulated VMs,
   * `(weak jail)` for those that may run without a root of their own on the host, unless they have one.
   */
  status: string;
  runtime: RuntimeName;
  startedAt?: string;
  finishedAt?: string;
  exitCode?: number;
  /** It was killed because it used more memory than it may on the host; absent: no. */
  oomKilled?: boolean;
  /** Why a VM failed or ended by other means than its own exit. */
  reason?: string;
  /** Of one that has a health check and was started. */
  healthStatus?: Health["status"];
  /** What it may use. */
  memoryMiB?: number;
  /** From the start of its kernel until its guest agent ran; of a microVM that runs. */
  bootMs?: number;
  labels: Record<string, string>;
  mounts: Mount[];
  /** Names. */
  networks: string[];
  /** Of a VM that runs. */
  ports: VmPort[];
}

export interface VmDetails extends VmSummary {
  config: {
    hostname: string;
    env: string[];
    /** Beside `env`. */
    secretEnv: SecretVariable[];
    workingDir: string;
    user: string;
    tty: boolean;
    openStdin: boolean;
    stdinOnce: boolean;
    entrypoint: string[];
    cmd: string[];
    autoRemove: boolean;
    cpus: number;
    memoryMiB: number;
    network: Network;
    domainname: string;
    dns: Dns;
    /** `NAME:ADDRESS`, as Docker keeps them; the address may be `host-gateway`. */
    extraHosts: string[];
    /** `80/tcp`: the image's and the user's. */
    exposedPorts: string[];
    publishAll: boolean;
    ports: PortBinding[];
    securityOpt: string[];
    log: LogConfig;
    stopSignal: string;
    stopTimeoutSeconds: number;
    restart: RestartPolicy;
    healthcheck?: Healthcheck;
    guest: GuestOptions;
    annotations: Record<string, string>;
  };
  /** How often its restart policy has started it since somebody did. */
  restartCount: number;
  /** Of one that has a health check and was started. */
  health?: Health;
  /** In the order of its cards; empty for a VM without networks of ours. */
  endpoints: VmEndpoint[];
  /** Process of the VM's monitor on the host; 0 when not running. */
  pid: number;
  guestKernelVersion?: string;
  /** What contains the process of a VM that runs, as that process told. */
  jail?: JailLayer[];
  logPath: string;
  stateDir: string;
}

export interface VmCreateResult {
  id: string;
  name: string;
  runtime: RuntimeName;
  /** One line each, for stderr; says so when the runtime is the simulation. */
  warnings: string[];
}

export const vmCreate = new RequestType<VmCreateParams, VmCreateResult, ErrorData>("vm/create");

/** How far the image is unpacked whose first simulated VM starts. */
export interface UnpackProgress {
  currentBytes: number;
  totalBytes: number;
}

/**
 * Answers when the main process runs. COMMAND_NOT_FOUND and COMMAND_NOT_EXECUTABLE are Docker's 127 and 126.
 * SECRET_MISSING names the variables whose values the engine has forgotten with its last end.
 */
export const vmStart = new RequestType<VmStartParams, { id: string }, ErrorData>("vm/start");

export const vmStop = new RequestType<VmStopParams, { id: string; exitCode: number }, ErrorData>("vm/stop");

/**
 * Stops a VM, and answers when its main process runs again; one that does not run is started. It throws as
 * `vm/start` does, SECRET_MISSING while the VM runs on.
 */
export const vmRestart = new RequestType<VmRestartParams, { id: string }, ErrorData>("vm/restart");

export const vmKill = new RequestType<VmKillParams, { id: string }, ErrorData>("vm/kill");

export const vmRemove = new RequestType<VmRemoveParams, { id: string }, ErrorData>("vm/remove");

/** Also of a VM that runs; its networks know it by the new name at once. */
export const vmRename = new RequestType<VmRenameParams, { id: string }, ErrorData>("vm/rename");

/** Every process of the VM stands still from the answer on, until `vm/unpause`. */
export const vmPause = new RequestType<VmParams, { id: string }, ErrorData>("vm/pause");

export const vmUnpause = new RequestType<VmParams, { id: string }, ErrorData>("vm/unpause");

/**
 * CPUs and memory count from the next start on, and at once where the VM has a cgroup of its own; but a
 * microVM keeps its memory until its end, and gets no more CPUs than it was started with (VM_RUNNING).
 */
export const vmUpdate = new RequestType<VmUpdateParams, { id: string }, ErrorData>("vm/update");

export interface VmPruneResult {
  /** IDs. */
  removed: string[];
  reclaimedBytes: number;
}
/** Removes the VMs that do not run. */
export const vmPrune = new RequestType<VmPruneParams, VmPruneResult, ErrorData>("vm/prune");

export interface VmTopResult {
  titles: string[];
  /** A process each, by columns. PIDs are the guest's. */
  processes: string[][];
}
/** What ps(1) would show in the guest, which needs no ps for it. */
export const vmTop = new RequestType<VmTopParams, VmTopResult, ErrorData>("vm/top");

/** What a VM uses. Rates come of two, see docker/usage/stats.ts. All zeros: it does not run. */
export interface VmStats {
  id: string;
  name: string;
  running: boolean;
  /** When this was read, on a clock that never goes back, in milliseconds. */
  readAtMs: number;
  /** CPU time since its start: of a VM's process on the host, or of the simulation's processes. */
  cpuMs: number;
  /** How many CPUs it has. */
  cpus: number;
  /** Of the guest: what is not available to its programs. */
  memoryUsedBytes: number;
  memoryLimitBytes: number;
  /** What the VM's process takes of the host's memory. */
  hostMemoryBytes: number;
  networkReceivedBytes: number;
  networkSentBytes: number;
  blockReadBytes: number;
  blockWrittenBytes: number;
  /** Threads, as Docker counts them. */
  pids: number;
}
/** Of a paused VM what it used last. */
export const vmStats = new RequestType<VmParams, VmStats, ErrorData>("vm/stats");

/** Newest first. */
export const vmList = new RequestType<VmListParams, VmSummary[], ErrorData>("vm/list");

export const vmInspect = new RequestType<VmParams, VmDetails, ErrorData>("vm/inspect");

export interface VmWaitResult {
  exitCode: number;
  /** Set when the VM ended by other means than its workload's exit. */
  reason?: string;
}
export const vmWait = new RequestType<VmWaitParams, VmWaitResult, ErrorData>("vm/wait");

/**
 * Stream of the main process: stdout/stderr frames from the engine, stdin frames to it, an exit frame last.
 * May be asked for before `vm/start`, so that no output is missed.
 */
export const vmAttach = new RequestType<VmAttachParams, { stream: StreamRef; tty: boolean }, ErrorData>(
  "vm/attach",
);

export const vmResize = new RequestType<VmResizeParams, null, ErrorData>("vm/resize");

export interface VmLogsResult {
  stream: StreamRef;
  tty: boolean;
  /** One line each, for stderr: what of the log is gone. */
  warnings: string[];
}
/** Stream of stdout/stderr frames; it ends at the log's end, or with `follow` when the VM stops. */
export const vmLogs = new RequestType<VmLogsParams, VmLogsResult, ErrorData>("vm/logs");

export interface VmExecResult {
  execId: string;
  /** Absent when detached. */
  stream?: StreamRef;
  /** The VM's secret variables that the process lacks: the engine that knew their values has ended. */
  missingSecrets?: string[];
}
/** Starts a process in a running VM. Its stream ends with an exit frame. */
export const vmExec = new RequestType<VmExecParams, VmExecResult, ErrorData>("vm/exec");

/**
 * Stream of a VM's root file system, whether it runs or not, as a tar archive: stdout frames, an exit frame
 * last; what went wrong is on stderr and in the exit code. Volumes and mounts are left out, as in
 * `docker export`.
 */
export const vmExport = new RequestType<VmParams, { stream: StreamRef }, ErrorData>("vm/export");

export const execResize = new RequestType<ExecResizeParams, null, ErrorData>("vm/execResize");

export const execSignal = new RequestType<ExecSignalParams, null, ErrorData>("vm/execSignal");

export interface VmChange {
  kind: "created" | "started" | "exited" | "failed" | "removed" | "changed";
  id: string;
  /** Absent when removed. */
  vm?: VmSummary;
}
export const vmDidChange = new NotificationType<VmChange>("vm/didChange");
