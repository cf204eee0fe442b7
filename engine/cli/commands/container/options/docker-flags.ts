/**
 * The flags of Docker's `run` and `create` that have nothing to do for a VM, or that it cannot have. Each
 * says why.
 */
import { checkDevice } from "../../../../docker/run-options/devices.ts";
import { checkMemoryLimits, checkSwappiness } from "../../../../docker/run-options/memory-limits.ts";
import { parseMemory } from "../../../../docker/sizes.ts";
import {
  acceptedFlag,
  booleanFlag,
  type Flag,
  integerFlag,
  listFlag,
  refusedFlag,
  stringFlag,
  textListFlag,
  valueFlag,
} from "../../../flags.ts";

/** What Docker's flags about namespaces take, and what it says of anything else. */
const modes = {
  cgroupns: { known: ["host", "private"], mistake: "--cgroupns: invalid CGROUP mode" },
  ipc: { known: ["host", "none", "private", "shareable"], mistake: "invalid IPC mode" },
  isolation: { known: ["default"], mistake: "invalid isolation on linux" },
  pid: { known: ["host"], mistake: "--pid: invalid PID mode" },
  userns: { known: ["host"], mistake: "--userns: invalid USER mode" },
  uts: { known: ["host"], mistake: "--uts: invalid UTS mode" },
} as const;

/** @throws Error in Docker's words; for another container's namespace, which no VM could have */
export function checkModes(flags: { readonly [K in keyof typeof modes]: string | undefined }): void {
  for (const key of ["cgroupns", "ipc", "isolation", "pid", "userns", "uts"] as const) {
    const text = flags[key] ?? "";
    if (text.startsWith("container:"))
      throw new Error(`--${key}: a VM shares nothing with another one: each has a kernel of its own`);
    const known: readonly string[] = modes[key].known;
    if (text !== "" && !known.includes(text)) throw new Error(modes[key].mistake);
  }
}

/** What a limit of memory is given with. */
interface MemoryFlags {
  readonly memory: number | undefined;
  readonly "memory-reservation": number | undefined;
  readonly "memory-swap": number | undefined;
  readonly "memory-swappiness": number | undefined;
}

/** @throws Error; MockerError for what Docker's daemon finds */
export function checkMemory(flags: MemoryFlags): void {
  const { memory = 0, "memory-reservation": reservation = 0, "memory-swap": memoryAndSwap = 0 } = flags;
  checkSwappiness(flags["memory-swappiness"] ?? -1);
  checkMemoryLimits({ memory, reservation, memoryAndSwap });
}

function guestDevice(text: string): string {
  const [source = "", target = source] = text.split(":");
  checkDevice(source, target);
  return text;
}

/** A number of bytes of which nothing is made. */
function bytesFlag(description: string, parse = parseMemory): Flag<number | undefined> {
  return valueFlag(undefined, "bytes", description, parse);
}

/** A value of which nothing is made. */
function textFlag(valueName: string, description: string): Flag<string | undefined> {
  return valueFlag(undefined, valueName, description, (text) => text);
}

const swap = "a VM has the memory of --memory and no swap";
const windows = "it is of Windows only, as in Docker";
const placement = "the host's scheduler places the CPUs of VMs; --cpus says how many a VM has";
const ownDisks = "a VM's disks are files of Mocker's store, of which none is throttled by itself";
const diskHint = "Leave it out, or limit the CPUs with --cpus.";
const realTime = "the CPUs of a VM are ordinary threads of the host";
const oneNetwork = "networks of VMs are IPv4 networks";

const weight = (description: string): Flag<number | undefined> =>
  valueFlag(undefined, "uint16", description, (text) => {
    if (!/^\d+$/.test(text) || Number(text) > 65_535)
      throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
    return Number(text);
  });

/** By name. */
export const dockerFlags = {
  "blkio-weight": acceptedFlag(
    weight("Block IO (relative weight), between 10 and 1000, or 0 to disable"),
    "VMs that write at once have equal shares",
  ),
  "blkio-weight-device": acceptedFlag(
    textListFlag(undefined, "Block IO weight (relative device weight)"),
    "VMs that write at once have equal shares",
  ),
  "cgroup-parent": acceptedFlag(
    stringFlag(undefined, "Optional parent cgroup for the container"),
    "the workload is in no cgroup of the host, but in the guest",
  ),
  cgroupns: acceptedFlag(
    stringFlag(undefined, "Cgroup namespace to use (host|private)"),
    "a VM's cgroups are its own kernel's",
  ),
  "cpu-count": acceptedFlag(integerFlag(undefined, "CPU count (Windows only)"), windows),
  "cpu-percent": acceptedFlag(integerFlag(undefined, "CPU percent (Windows only)"), windows),
  "cpu-rt-period": refusedFlag(
    integerFlag(undefined, "Limit CPU real-time period in microseconds"),
    realTime,
    "Leave it out, or limit the CPUs with --cpus.",
  ),
  "cpu-rt-runtime": refusedFlag(
    integerFlag(undefined, "Limit CPU real-time runtime in microseconds"),
    realTime,
    "Leave it out, or limit the CPUs with --cpus.",
  ),
  "cpu-shares": acceptedFlag(
    integerFlag("c", "CPU shares (relative weight)"),
    "VMs that compute at once have equal shares of the host's CPUs; --cpus says how many a VM has",
  ),
  "cpuset-cpus": acceptedFlag(
    stringFlag(undefined, "CPUs in which to allow execution (0-3, 0,1)"),
    placement,
  ),
  "cpuset-mems": acceptedFlag(
    stringFlag(undefined, "MEMs in which to allow execution (0-3, 0,1)"),
    placement,
  ),
  device: acceptedFlag(
    listFlag(undefined, "list", "Add a host device to the container", guestDevice),
    "the guest's kernel has this device of its own; those of the host are refused",
  ),
  "device-cgroup-rule": acceptedFlag(
    textListFlag(undefined, "Add a rule to the cgroup allowed devices list"),
    "a VM may use all devices that it has",
  ),
  "device-read-bps": refusedFlag(
    textListFlag(undefined, "Limit read rate (bytes per second) from a device"),
    ownDisks,
    diskHint,
  ),
  "device-read-iops": refusedFlag(
    textListFlag(undefined, "Limit read rate (IO per second) from a device"),
    ownDisks,
    diskHint,
  ),
  "device-write-bps": refusedFlag(
    textListFlag(undefined, "Limit write rate (bytes per second) to a device"),
    ownDisks,
    diskHint,
  ),
  "device-write-iops": refusedFlag(
    textListFlag(undefined, "Limit write rate (IO per second) to a device"),
    ownDisks,
    diskHint,
  ),
  "disable-content-trust": acceptedFlag(
    booleanFlag(undefined, "Skip image verification", true),
    "images are verified by their digests, and by no other trust",
  ),
  gpus: refusedFlag(
    textFlag("gpu-request", "GPU devices to add to the container ('all' to pass all GPUs)"),
    "a VM has no GPU of the host",
    "Leave it out, and let the program use the CPU.",
  ),
  "io-maxbandwidth": acceptedFlag(
    textFlag("bytes", "Maximum IO bandwidth limit for the system drive (Windows only)"),
    windows,
  ),
  "io-maxiops": acceptedFlag(
    textFlag("uint", "Maximum IOps limit for the system drive (Windows only)"),
    windows,
  ),
  ip6: refusedFlag(
    stringFlag(undefined, "IPv6 address (e.g., 2001:db8::33)"),
    oneNetwork,
    "Leave it out, or choose an IPv4 address with --ip.",
  ),
  ipc: acceptedFlag(
    stringFlag(undefined, "IPC mode to use"),
    "a VM's shared memory is its own kernel's; --shm-size says how large /dev/shm is",
  ),
  isolation: acceptedFlag(stringFlag(undefined, "Container isolation technology"), "every container is a VM"),
  "kernel-memory": acceptedFlag(
    bytesFlag("Kernel memory limit"),
    "a VM's kernel lives in the memory of --memory",
  ),
  "link-local-ip": refusedFlag(
    textListFlag(undefined, "Container IPv4/IPv6 link-local addresses"),
    "a VM has one address in each of its networks",
    "Leave it out, or choose an address with --ip.",
  ),
  "memory-reservation": acceptedFlag(bytesFlag("Memory soft limit"), swap),
  "memory-swap": acceptedFlag(
    bytesFlag("Swap limit equal to memory plus swap: '-1' to enable unlimited swap", (text) =>
      text === "-1" ? -1 : parseMemory(text),
    ),
    swap,
  ),
  "memory-swappiness": acceptedFlag(
    integerFlag(undefined, "Tune container memory swappiness (0 to 100)", "-1"),
    swap,
  ),
  "oom-kill-disable": acceptedFlag(
    booleanFlag(undefined, "Disable OOM Killer"),
    "the guest's kernel looks after its own memory; Docker, too, discards it on today's hosts",
  ),
  pid: acceptedFlag(
    stringFlag(undefined, "PID namespace to use"),
    "a VM sees the processes of its own kernel, and none of the host's",
  ),
  "use-api-socket": refusedFlag(
    booleanFlag(undefined, "Bind mount Docker API socket and required auth"),
    "the engine has no socket that speaks Docker's API",
    "Leave it out.",
  ),
  userns: acceptedFlag(stringFlag(undefined, "User namespace to use"), "a VM's users are its own kernel's"),
  uts: acceptedFlag(
    stringFlag(undefined, "UTS namespace to use"),
    "a VM has a name of its own, which --hostname sets",
  ),
} as const;
