import { statusText } from "../../docker/status.ts";
import type { VmDetails, VmState, VmSummary } from "../../protocol/vm.ts";
import type { VmConfig, VmExitRecord, VmFiles } from "./records/vm-record.ts";

/** What a VM is doing at a moment, besides its configuration. */
export interface VmMoment {
  state: VmState;
  running: boolean;
  startedAt: string | undefined;
  /** How it ended last. */
  exit: VmExitRecord | undefined;
  /** Of its monitor; 0 if there is none. */
  pid: number;
  /** As far as its agent has told. */
  guestKernelVersion: string | undefined;
}

/** A VM as lists show it. */
export function summaryOf(config: VmConfig, moment: VmMoment): VmSummary {
  const { state, startedAt } = moment;
  const status = statusText(
    { state, startedAt, finishedAt: moment.exit?.finishedAt, exitCode: moment.exit?.exitCode },
    Date.now(),
  );
  const exit = moment.running ? undefined : moment.exit;
  return {
    id: config.id,
    name: config.name,
    image: config.image,
    imageId: config.imageId,
    command: [...config.entrypoint, ...config.cmd],
    createdAt: config.createdAt,
    state,
    status: config.runtime === "simulation" ? `${status} (simulation)` : status,
    runtime: config.runtime,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(exit === undefined ? {} : { finishedAt: exit.finishedAt, exitCode: exit.exitCode }),
    ...(exit === undefined || exit.message === "" ? {} : { reason: exit.message }),
    labels: config.labels,
    mounts: config.mounts,
  };
}

/** A VM as it is inspected. */
export function detailsOf(config: VmConfig, files: VmFiles, moment: VmMoment): VmDetails {
  const { guestKernelVersion } = moment;
  return {
    ...summaryOf(config, moment),
    config: {
      hostname: config.hostname,
      env: config.env,
      workingDir: config.workingDir,
      user: config.user,
      tty: config.tty,
      openStdin: config.openStdin,
      entrypoint: config.entrypoint,
      cmd: config.cmd,
      autoRemove: config.autoRemove,
      cpus: config.cpus,
      memoryMiB: config.memoryMiB,
      network: config.network,
      ports: config.ports,
      stopSignal: config.stopSignal,
      stopTimeoutSeconds: config.stopTimeoutSeconds,
    },
    pid: moment.pid,
    ...(guestKernelVersion === undefined ? {} : { guestKernelVersion }),
    logPath: files.logPath,
    stateDir: files.dir,
  };
}
