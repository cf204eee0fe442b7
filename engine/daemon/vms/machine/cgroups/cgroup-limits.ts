import type { CgroupLimit, LaunchSpec } from "../launch-spec.ts";

export const mebibyte = 1024 * 1024;
/** libkrun, its buffers, page tables and the pages of files that are just being used. */
const vmmMiB = 256;
/** Page tables of the host and of KVM: two words for each page of the guest, and some. */
const pageTableShare = 1 / 32;
/**
 * What the kernel keeps for a file that virtio-fs has open for a guest: file, inode and dentry. As many are
 * open as limitFiles() (krun-child.cc) allows, which grows with the guest's memory.
 */
const openFileBytes = 2560;
const openFiles = { fewest: 65_536, most: 1_048_576, perMiB: 512 };
/** Of libkrun's process beside those for CPUs and devices; it has some ten. */
const vmmThreads = 64;
/** As much as podman gives a container. */
const simulatedPids = 2048;
const cpuPeriodUs = 100_000;

/**
 * How much CPU time a machine gets, as cpu.max has it. A microVM with all CPUs that its guest sees has one
 * more, for what the VMM does meanwhile.
 */
export function cpuMax(cpus: number, guestCpus?: number): string {
  return `${(cpus === guestCpus ? cpus + 1 : cpus) * cpuPeriodUs} ${cpuPeriodUs}`;
}

/**
 * The limits on what a machine's processes use of the host, as files of its cgroup. A simulation's are those
 * of its workload; a microVM's leave its VMM what it needs beside the guest, so that only one that was taken
 * over meets them.
 * @param controllers those that can be had
 */
export function cgroupLimits(
  { krun, simulation, cards = [] }: Pick<LaunchSpec, "krun" | "simulation" | "cards">,
  controllers: readonly string[],
): CgroupLimit[] {
  const limits: CgroupLimit[] = [];
  if (krun) {
    const { cpus, memoryMiB, shares, disks } = krun;
    const { fewest, most, perMiB } = openFiles;
    const files = shares.length === 0 ? 0 : Math.min(Math.max(memoryMiB * perMiB, fewest), most);
    const bytes = (memoryMiB * (1 + pageTableShare) + vmmMiB) * mebibyte + files * openFileBytes;
    limits.push({ file: "memory.max", value: String(Math.ceil(bytes)) });
    limits.push({ file: "memory.oom.group", value: "1" });
    const devices = shares.length + disks.length + cards.length;
    limits.push({ file: "pids.max", value: String(cpus + devices + vmmThreads) });
    limits.push({ file: "cpu.max", value: cpuMax(cpus, cpus) });
  }
  if (simulation) {
    const { cpus, memoryMiB } = simulation;
    limits.push({ file: "memory.max", value: String(memoryMiB * mebibyte) });
    // A VM has no swap either.
    limits.push({ file: "memory.swap.max", value: "0" });
    limits.push({ file: "memory.oom.group", value: "1" });
    limits.push({ file: "pids.max", value: String(simulatedPids) });
    limits.push({ file: "cpu.max", value: cpuMax(cpus) });
  }
  return limits.filter(({ file }) => controllers.includes(file.split(".", 1)[0] ?? ""));
}
