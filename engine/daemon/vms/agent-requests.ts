/** What the guest's agent is told when a VM starts. */
import type { VmConfig } from "../records/vm-record.ts";
import type { PreparedVm } from "../runtimes/runtime.ts";
import { guestDns } from "./guest-dns.ts";
import type { GuestConfiguration, GuestProcess } from "./monitor-client.ts";

export interface TerminalSize {
  rows: number;
  columns: number;
}

export function guestConfiguration(config: VmConfig, prepared: PreparedVm): GuestConfiguration {
  return {
    hostname: config.hostname,
    rootfs: prepared.rootfs,
    mounts: prepared.mounts,
    dns: guestDns(),
    hosts: [],
    timeUnixNs: Date.now() * 1e6,
    disposable: config.autoRemove,
  };
}

/** `idle`: it is none of the workload's, and does nothing. */
export function mainProcess(config: VmConfig, size: TerminalSize, idle: boolean): GuestProcess {
  return {
    stream: "main",
    argv: [...config.entrypoint, ...config.cmd],
    env: config.env,
    cwd: config.workingDir,
    user: config.user,
    tty: config.tty,
    rows: size.rows,
    cols: size.columns,
    stdin: config.openStdin,
    ...(idle ? { idle: true } : {}),
  };
}
