import { NotificationType, RequestType } from "vscode-jsonrpc";
import type { RuntimeName } from "./engine.ts";
import type { ErrorData } from "./errors.ts";
import type { StreamRef } from "./stream.ts";

export type VmState = "created" | "running" | "paused" | "exited" | "failed";

export interface VolumeMount {
  /** Absolute host path. */
  source: string;
  /** Absolute guest path. */
  target: string;
  readOnly: boolean;
}

/** What `vm/create` takes. Absent members come from the image, then from defaults. */
export interface VmCreateParams {
  /** Reference, ID or unique ID prefix of an image in the store. */
  image: string;
  name?: string;
  command?: string[];
  /** An empty array clears the image's entry point. */
  entrypoint?: string[];
  /** `KEY=value`. */
  env?: string[];
  workingDir?: string;
  /** `user[:group]`, names or numbers. */
  user?: string;
  hostname?: string;
  tty?: boolean;
  /** Keep stdin open (`-i`). */
  openStdin?: boolean;
  /** Remove the VM when it exits (`--rm`), by the engine, also when the client is gone. */
  autoRemove?: boolean;
  volumes?: VolumeMount[];
  cpus?: number;
  memoryMiB?: number;
  runtime?: "auto" | RuntimeName;
  network?: "tsi" | "none";
  labels?: Record<string, string>;
  stopSignal?: string;
  stopTimeoutSeconds?: number;
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
  /** Docker's words: `Up 3 seconds`, `Exited (0) 2 minutes ago`; `(simulation)` is added for simulated VMs. */
  status: string;
  runtime: RuntimeName;
  startedAt?: string;
  finishedAt?: string;
  exitCode?: number;
  /** Why a VM failed or ended by other means than its own exit. */
  reason?: string;
  labels: Record<string, string>;
  mounts: VolumeMount[];
}

export interface VmDetails extends VmSummary {
  config: {
    hostname: string;
    env: string[];
    workingDir: string;
    user: string;
    tty: boolean;
    openStdin: boolean;
    entrypoint: string[];
    cmd: string[];
    autoRemove: boolean;
    cpus: number;
    memoryMiB: number;
    network: "tsi" | "none";
    stopSignal: string;
    stopTimeoutSeconds: number;
  };
  /** Process of the VM's monitor on the host; 0 when not running. */
  pid: number;
  guestKernelVersion?: string;
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

/** `vm` is an ID, a unique ID prefix or a name, wherever it appears. */
export interface VmStartParams {
  vm: string;
  /** Terminal size of a `tty` VM. */
  rows?: number;
  columns?: number;
}
/** Answers when the main process runs. COMMAND_NOT_FOUND and COMMAND_NOT_EXECUTABLE are Docker's 127 and 126. */
export const vmStart = new RequestType<VmStartParams, { id: string }, ErrorData>("vm/start");

export interface VmStopParams {
  vm: string;
  /** Until SIGKILL; default: the VM's own (10). -1 waits for ever. */
  timeoutSeconds?: number;
  signal?: string;
}
export const vmStop = new RequestType<VmStopParams, { id: string; exitCode: number }, ErrorData>("vm/stop");

/** Signal name (`TERM`, `SIGTERM`) or number as text; default KILL. */
export const vmKill = new RequestType<{ vm: string; signal?: string }, { id: string }, ErrorData>("vm/kill");

export const vmRemove = new RequestType<{ vm: string; force?: boolean }, { id: string }, ErrorData>(
  "vm/remove",
);

export interface VmListParams {
  /** Also VMs that do not run. */
  all?: boolean;
  /** Newest n, whatever their state. */
  last?: number;
  /** Docker's filters: id, name, status, ancestor, label, exited, before, since, and ours: runtime. */
  filters?: Record<string, string[]>;
}
/** Newest first. */
export const vmList = new RequestType<VmListParams, VmSummary[], ErrorData>("vm/list");

export const vmInspect = new RequestType<{ vm: string }, VmDetails, ErrorData>("vm/inspect");

export interface VmWaitParams {
  vm: string;
  /** `next-exit` waits for an exit after this call even if the VM does not run now; `removed` also for its removal. */
  condition?: "not-running" | "next-exit" | "removed";
}
export interface VmWaitResult {
  exitCode: number;
  /** Set when the VM ended by other means than its workload's exit. */
  reason?: string;
}
export const vmWait = new RequestType<VmWaitParams, VmWaitResult, ErrorData>("vm/wait");

export interface VmAttachParams {
  vm: string;
  /** The stream's stdin frames go to the main process. */
  stdin?: boolean;
  /** Last bytes of output sent first (at most 64 KiB). */
  replayBytes?: number;
}
/**
 * Stream of the main process: stdout/stderr frames from the engine, stdin frames to it, an exit frame last.
 * May be asked for before `vm/start`, so that no output is missed.
 */
export const vmAttach = new RequestType<VmAttachParams, { stream: StreamRef; tty: boolean }, ErrorData>(
  "vm/attach",
);

export const vmResize = new RequestType<{ vm: string; rows: number; columns: number }, null, ErrorData>(
  "vm/resize",
);

export interface VmLogsParams {
  vm: string;
  follow?: boolean;
  /** Last n lines; absent: all. */
  tail?: number;
  timestamps?: boolean;
  /** RFC 3339 or Unix seconds (with fraction), or a duration before now (`10m`). */
  since?: string;
  until?: string;
}
/** Stream of stdout/stderr frames; it ends at the log's end, or with `follow` when the VM stops. */
export const vmLogs = new RequestType<VmLogsParams, { stream: StreamRef; tty: boolean }, ErrorData>(
  "vm/logs",
);

export interface VmExecParams {
  vm: string;
  command: string[];
  env?: string[];
  workingDir?: string;
  user?: string;
  tty?: boolean;
  openStdin?: boolean;
  detach?: boolean;
  rows?: number;
  columns?: number;
}
export interface VmExecResult {
  execId: string;
  /** Absent when detached. */
  stream?: StreamRef;
}
/** Starts a process in a running VM. Its stream ends with an exit frame. */
export const vmExec = new RequestType<VmExecParams, VmExecResult, ErrorData>("vm/exec");

/**
 * Stream of a VM's root file system, whether it runs or not, as a tar archive: stdout frames, an exit frame last; what went wrong is on stderr and in the
 * exit code. Volumes and mounts are left out, as in `docker export`.
 */
export const vmExport = new RequestType<{ vm: string }, { stream: StreamRef }, ErrorData>("vm/export");

export const execResize = new RequestType<
  { vm: string; execId: string; rows: number; columns: number },
  null,
  ErrorData
>("vm/execResize");

export const execSignal = new RequestType<{ vm: string; execId: string; signal: string }, null, ErrorData>(
  "vm/execSignal",
);

export interface VmChange {
  kind: "created" | "started" | "exited" | "failed" | "removed" | "changed";
  id: string;
  /** Absent when removed. */
  vm?: VmSummary;
}
export const vmDidChange = new NotificationType<VmChange>("vm/didChange");
