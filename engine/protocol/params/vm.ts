import * as v from "valibot";
import { Mount } from "./mount.ts";
import { Dns, Network, PortBinding } from "./network.ts";
import { filters, finiteNumber, labels, strings } from "./schema.ts";
import { GuestOptions, Healthcheck, RestartPolicy } from "./vm-options.ts";

/** An environment variable whose value is in no record and no answer of the engine's. */
export const SecretVariable = v.object({
  name: v.string(),
  /** Absolute path on the host, read at every start. Absent: clients give the value. */
  file: v.exactOptional(v.string()),
});
export type SecretVariable = v.InferOutput<typeof SecretVariable>;

/** Where a VM's output goes: `local`, `json-file` or `none`, and Docker's options of these. */
export const LogConfig = v.object({ driver: v.string(), options: labels });
export type LogConfig = v.InferOutput<typeof LogConfig>;

/** What `vm/create` takes. Absent members come from the image, then from defaults. */
export const VmCreateParams = v.object({
  /** Reference, ID or unique ID prefix of an image in the store. */
  image: v.string(),
  /** `os/arch[/variant]` of the image; NO_MATCHING_PLATFORM if there is none. */
  platform: v.exactOptional(v.string()),
  name: v.exactOptional(v.string()),
  command: v.exactOptional(strings),
  /** As in Docker, an empty array clears the image's entry point, and `[""]` its arguments, too. */
  entrypoint: v.exactOptional(strings),
  /** `KEY=value`. */
  env: v.exactOptional(strings),
  /** Variables beside `env`, whose place they take. */
  secretEnv: v.exactOptional(v.array(SecretVariable)),
  /** Values of `secretEnv` by name: the engine keeps them in memory only. */
  secretValues: v.exactOptional(labels),
  workingDir: v.exactOptional(v.string()),
  /** `user[:group]`, names or numbers. */
  user: v.exactOptional(v.string()),
  hostname: v.exactOptional(v.string()),
  tty: v.exactOptional(v.boolean()),
  /** Keep stdin open (`-i`). */
  openStdin: v.exactOptional(v.boolean()),
  /**
   * Docker's StdinOnce: the main process's input ends with the client that gives it first. Default: it never
   * ends. Of no account with `tty`.
   */
  stdinOnce: v.exactOptional(v.boolean()),
  /** Remove the VM when it exits (`--rm`), by the engine, also when the client is gone. */
  autoRemove: v.exactOptional(v.boolean()),
  mounts: v.exactOptional(v.array(Mount)),
  /** `VM[:ro|rw]`: whose volumes and bind mounts it gets, too. */
  volumesFrom: v.exactOptional(strings),
  cpus: v.exactOptional(finiteNumber),
  memoryMiB: v.exactOptional(finiteNumber),
  runtime: v.exactOptional(v.picklist(["auto", "krun", "simulation"])),
  /** Default: the network `bridge`. */
  network: v.exactOptional(Network),
  domainname: v.exactOptional(v.string()),
  dns: v.exactOptional(Dns),
  /** `NAME:ADDRESS` or `NAME=ADDRESS`; the address may be `host-gateway`. */
  extraHosts: v.exactOptional(strings),
  /** `80/tcp`, beside the image's. */
  exposedPorts: v.exactOptional(strings),
  /** Publishes every exposed port. */
  publishAll: v.exactOptional(v.boolean()),
  ports: v.exactOptional(v.array(PortBinding)),
  labels: v.exactOptional(labels),
  /** Docker's, and `jail=weak`. */
  securityOpt: v.exactOptional(strings),
  /** Default: `local`. An empty driver is the default one. */
  log: v.exactOptional(LogConfig),
  stopSignal: v.exactOptional(v.string()),
  stopTimeoutSeconds: v.exactOptional(finiteNumber),
  restart: v.exactOptional(RestartPolicy),
  healthcheck: v.exactOptional(Healthcheck),
  guest: v.exactOptional(GuestOptions),
  annotations: v.exactOptional(labels),
});
export type VmCreateParams = v.InferOutput<typeof VmCreateParams>;

/**
 * Params of requests that say nothing more. `vm` is an ID, a unique ID prefix or a name, wherever it appears.
 */
export const VmParams = v.object({ vm: v.string() });
export type VmParams = v.InferOutput<typeof VmParams>;

export const VmStartParams = v.object({
  vm: v.string(),
  /** The VM is first given the files and the configuration of this checkpoint. */
  checkpoint: v.exactOptional(v.string()),
  /** Of the VM's `secretEnv`: these count from now on. */
  secretValues: v.exactOptional(labels),
  /** Terminal size of a `tty` VM. */
  rows: v.exactOptional(finiteNumber),
  columns: v.exactOptional(finiteNumber),
  /** Progress goes out as `$/progress` under this token ({@link UnpackProgress}). */
  progressToken: v.exactOptional(v.string()),
});
export type VmStartParams = v.InferOutput<typeof VmStartParams>;

export const VmStopParams = v.object({
  vm: v.string(),
  /** Until SIGKILL; default: the VM's own (10). -1 waits for ever. */
  timeoutSeconds: v.exactOptional(finiteNumber),
  signal: v.exactOptional(v.string()),
});
export type VmStopParams = v.InferOutput<typeof VmStopParams>;

export const VmRestartParams = v.object({
  ...VmStopParams.entries,
  /** Of the VM's `secretEnv`: these count from now on. */
  secretValues: v.exactOptional(labels),
});
export type VmRestartParams = v.InferOutput<typeof VmRestartParams>;

export const VmKillParams = v.object({
  vm: v.string(),
  /** Name (`TERM`, `SIGTERM`) or number as text; default KILL. */
  signal: v.exactOptional(v.string()),
});
export type VmKillParams = v.InferOutput<typeof VmKillParams>;

export const VmRemoveParams = v.object({
  vm: v.string(),
  force: v.exactOptional(v.boolean()),
  /** Its anonymous volumes, too, unless another VM has them. */
  volumes: v.exactOptional(v.boolean()),
});
export type VmRemoveParams = v.InferOutput<typeof VmRemoveParams>;

export const VmRenameParams = v.object({ vm: v.string(), name: v.string() });
export type VmRenameParams = v.InferOutput<typeof VmRenameParams>;

/** Absent members stay as they are. */
export const VmUpdateParams = v.object({
  vm: v.string(),
  cpus: v.exactOptional(finiteNumber),
  memoryMiB: v.exactOptional(finiteNumber),
  restart: v.exactOptional(RestartPolicy),
});
export type VmUpdateParams = v.InferOutput<typeof VmUpdateParams>;

export const VmTopParams = v.object({
  vm: v.string(),
  /** As ps(1) takes them, separated by spaces; default `-ef`. */
  psArgs: v.exactOptional(v.string()),
});
export type VmTopParams = v.InferOutput<typeof VmTopParams>;

export const VmPruneParams = v.object({
  /** Docker's: label, label!, until. */
  filters: v.exactOptional(filters),
});
export type VmPruneParams = v.InferOutput<typeof VmPruneParams>;

export const VmListParams = v.object({
  /** Also VMs that do not run. */
  all: v.exactOptional(v.boolean()),
  /** Newest n, whatever their state. */
  last: v.exactOptional(finiteNumber),
  /**
   * Docker's filters: id, name, status, ancestor, label, exited, before, since, network, publish, expose,
   * volume, health, and ours: runtime.
   */
  filters: v.exactOptional(filters),
});
export type VmListParams = v.InferOutput<typeof VmListParams>;

export const VmWaitParams = v.object({
  vm: v.string(),
  /**
   * `next-exit` waits for an exit after this call even if the VM does not run now; `removed` also for its
   * removal.
   */
  condition: v.exactOptional(v.picklist(["not-running", "next-exit", "removed"])),
});
export type VmWaitParams = v.InferOutput<typeof VmWaitParams>;

export const VmAttachParams = v.object({
  vm: v.string(),
  /** The stream's stdin frames go to the main process. */
  stdin: v.exactOptional(v.boolean()),
  /** Last bytes of output sent first (at most 64 KiB). */
  replayBytes: v.exactOptional(finiteNumber),
});
export type VmAttachParams = v.InferOutput<typeof VmAttachParams>;

export const VmResizeParams = v.object({ vm: v.string(), rows: finiteNumber, columns: finiteNumber });
export type VmResizeParams = v.InferOutput<typeof VmResizeParams>;

export const VmLogsParams = v.object({
  vm: v.string(),
  follow: v.exactOptional(v.boolean()),
  /** Last n lines; absent: all. */
  tail: v.exactOptional(finiteNumber),
  timestamps: v.exactOptional(v.boolean()),
  /** RFC 3339 or Unix seconds (with fraction), or a duration before now (`10m`). */
  since: v.exactOptional(v.string()),
  until: v.exactOptional(v.string()),
});
export type VmLogsParams = v.InferOutput<typeof VmLogsParams>;

export const VmExecParams = v.object({
  vm: v.string(),
  command: strings,
  env: v.exactOptional(strings),
  workingDir: v.exactOptional(v.string()),
  user: v.exactOptional(v.string()),
  tty: v.exactOptional(v.boolean()),
  openStdin: v.exactOptional(v.boolean()),
  detach: v.exactOptional(v.boolean()),
  /** With the capabilities that the VM's processes were denied. */
  privileged: v.exactOptional(v.boolean()),
  rows: v.exactOptional(finiteNumber),
  columns: v.exactOptional(finiteNumber),
});
export type VmExecParams = v.InferOutput<typeof VmExecParams>;

export const ExecResizeParams = v.object({ ...VmResizeParams.entries, execId: v.string() });
export type ExecResizeParams = v.InferOutput<typeof ExecResizeParams>;

export const ExecSignalParams = v.object({ vm: v.string(), execId: v.string(), signal: v.string() });
export type ExecSignalParams = v.InferOutput<typeof ExecSignalParams>;
