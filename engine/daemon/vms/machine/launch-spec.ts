import type { NetworkMode } from "../../../protocol/network.ts";

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
  log: { maxBytes: number; maxFiles: number };
  krun?: KrunLaunch;
  simulation?: SimulationLaunch;
}

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
  network: NetworkMode;
  portMap: string[];
  consolePath: string;
}

export interface SimulationLaunch {
  network: "host" | "none";
  /** Host directories that the agent mounts. */
  paths: string[];
}
