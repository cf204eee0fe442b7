/**
 * `vmm.json`: what `mocker-vmm` is told. Nothing of the workload's is in it: that goes to the agent as a
 * message.
 */
export interface LaunchSpec {
  version: 1;
  vmId: string;
  runtime: "krun" | "simulation";
  stateDir: string;
  /** Holds monitor.sock and agent.sock: short, as a socket's path has at most 107 bytes. */
  runDir: string;
  agentPath: string;
  bootTimeoutMs: number;
  autoRemove: boolean;
  /** Of `maxFiles` files, none larger than `maxBytes`; none is `kept` for a VM without a log. */
  log: { maxBytes: number; maxFiles: number; kept: boolean };
  /** The VM's network cards, in the order of the guest's eth0, eth1, …; absent: none. */
  cards?: CardLaunch[];
  /** Of the machine's own processes: the monitor is not in it. */
  cgroup?: CgroupLaunch;
  krun?: KrunLaunch;
  simulation?: SimulationLaunch;
}

/** A file of a cgroup (v2), and what is written to it. */
export interface CgroupLimit {
  file: string;
  value: string;
}

export type CgroupLaunch =
  /** Made there by the monitor, with these limits. */
  | { path: string; limits: CgroupLimit[] }
  /** Why there is none. */
  | { problem: string };

/** A network card: the monitor's connection to the process of its network, which carries Ethernet frames. */
export type CardLaunch = {
  /** `02:42:ac:11:00:02`. */
  mac: string;
  /** What its network is called: a start that fails because of it says so. */
  networkName?: string;
} & (
  | {
      /** Where that `mocker-netd` takes cards. */
      socketPath: string;
      /** Which of the network's endpoints this card is: what the monitor says first. */
      endpointId: string;
    }
  /** The monitor starts it; `arguments` are those beside `--fd`. */
  | { passt: { path: string; arguments: string[] } }
);

export interface KrunDisk {
  id: string;
  path: string;
  format: "vmdk" | "raw";
  readOnly: boolean;
}

export interface KrunLaunch {
  libkrunPath: string | null;
  /** A libkrunfw or an ELF kernel image. */
  kernelPath: string | null;
  cpus: number;
  memoryMiB: number;
  disks: KrunDisk[];
  /** Every host file that a disk refers to: the jail lets in nothing else. */
  diskFiles: string[];
  shares: { tag: string; path: string; readOnly: boolean }[];
  /** The tag of one virtio-fs device for all of them; without, each has a device of its own. */
  joinedTag?: string;
  /** Of a VM without cards. */
  network: "tsi" | "none";
  /** The VM runs even where its process gets no root of its own; else its monitor refuses. */
  weakJail: boolean;
  consolePath: string;
}

export interface SimulationLaunch {
  /** Of a VM without cards. */
  network: "host" | "none";
  /** Root's workload may have the host's ids where it can have none of its own. */
  hostIds: boolean;
  /** What the workload may use, where there are cgroups. */
  cpus: number;
  memoryMiB: number;
  /** Host directories that the agent mounts. */
  paths: string[];
}
