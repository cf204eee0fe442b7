/** What the engine and the guest agent say to each other over the control connection. */
import type { ErrorCode } from "../../../protocol/errors.ts";

/** What the guest agent says of itself when it first dials. */
export interface AgentHello {
  protocol: number;
  /** `uname -r` of the guest. */
  kernel: string;
  /** Since the guest kernel started. */
  bootMs: number;
}

/** A process to run in the guest, as the agent's `start` and `exec` take it. */
export interface GuestProcess {
  /** `main`, or the exec's id. */
  stream: string;
  argv: string[];
  env: string[];
  cwd: string;
  user: string;
  tty: boolean;
  rows: number;
  cols: number;
  stdin: boolean;
  detach?: boolean;
  /** Instead of `argv`: nothing, until it is ended. Of main processes only. */
  idle?: boolean;
  /** `argv` has the words of a FileTask, which the agent itself does. Not of main processes. */
  archive?: boolean;
  /**
   * Instead of `argv`: the list of the guest's processes on stdout, see usage/process-list.ts. Not of main
   * processes.
   */
  processes?: boolean;
  /** No program may give it, or what it starts, more rights than it has. */
  noNewPrivileges?: boolean;
  /** By their names without `RLIMIT_`; -1 is unlimited. */
  rlimits?: { name: string; soft: number; hard: number }[];
  /** Further groups, by name or number. */
  groups?: string[];
  /** Numbers of capabilities that it, and what it starts, never has. */
  dropCapabilities?: number[];
  oomScoreAdj?: number;
}

export type GuestRootfs =
  | { kind: "disks"; lower: string; lowerType: "erofs"; upper: string; upperType: "ext4" }
  /** `middle` lies between the two, and is only read. */
  | { kind: "overlay"; lower: string; middle?: string; upper: string; work: string };

export type GuestMount =
  | {
      kind: "virtiofs" | "bind" | "disk";
      /** The share's tag, the path of a directory or file, or the device of a block volume. */
      source: string;
      target: string;
      readOnly: boolean;
      /** The share's among those that are joined under its tag: "0", "1", … */
      place?: string;
      /** A part of the source alone: the file in the share of a single file, or a volume's. */
      subpath?: string;
      /** If it is empty it gets what the image has at the target. */
      fill?: boolean;
      /** What is in it is what a fill left that did not come to its end: it is removed. */
      clear?: boolean;
    }
  /** `sizeBytes` 0 leaves the limit to the kernel; `options` are words of mount(8). */
  | { kind: "tmpfs"; target: string; readOnly: boolean; sizeBytes: number; options?: string[] };

/** How the guest sets a network card up. */
export interface GuestInterface {
  /** Names the card; the guest calls the first one eth0. */
  mac: string;
  /** `172.17.0.2/16`. */
  address: string;
  /** Of the default route; on at most one interface. */
  gateway?: string;
  mtu: number;
}

export interface GuestConfiguration {
  hostname: string;
  domainname?: string;
  /** In the order of eth0, eth1, … */
  interfaces?: GuestInterface[];
  rootfs: GuestRootfs;
  mounts: GuestMount[];
  dns: { servers: string[]; search: string[]; options: string[] };
  /** Address and name of each extra line of /etc/hosts. */
  hosts: [string, string][];
  timeUnixNs: number;
  /** Nothing that is written in the guest, outside volumes, is wanted after the main process's end. */
  disposable: boolean;
  /** Nothing but what is mounted in it can be written. */
  readOnlyRoot?: boolean;
  /** Of /dev/shm; absent: the kernel's limit. */
  shmSizeBytes?: number;
  /** Kernel settings, `net.ipv4.ip_forward`. */
  sysctls?: Record<string, string>;
  /** How many processes and threads the workload may have. */
  pidsLimit?: number;
}

/** The agent's requests and what each takes. Targets are `main` or an exec's id. */
export interface AgentRequests {
  configure: GuestConfiguration;
  start: GuestProcess;
  exec: GuestProcess;
  signal: { target: string; signal: number };
  resize: { target: string; rows: number; cols: number };
  /** `keepsFiles`: what was written is wanted after all, also of a disposable machine. */
  stop: { signal: number; graceMs: number; keepsFiles: boolean };
  stats: Record<string, never>;
  /** Of a VM the monitor does it. */
  pause: Record<string, never>;
  unpause: Record<string, never>;
  /** Whether it answers. */
  ping: Record<string, never>;
}

/** The agent's error codes in the user's terms. */
export const agentErrorCodes: Record<string, ErrorCode> = {
  NOT_FOUND: "COMMAND_NOT_FOUND",
  NOT_EXECUTABLE: "COMMAND_NOT_EXECUTABLE",
  NO_USER: "INVALID_ARGUMENT",
  BAD_CWD: "COMMAND_NOT_EXECUTABLE",
  BAD_MOUNT: "MOUNT_INVALID",
};
