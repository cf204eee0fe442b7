/** What the body that creates a container says of its resources and of its guest. */
import type { GuestOptions, VmCreateParams } from "../../protocol/vm.ts";
import { wholeCpus } from "../run-options/cpus.ts";
import { checkDevice } from "../run-options/devices.ts";
import { checkMemoryLimits, checkSwappiness } from "../run-options/memory-limits.ts";
import { parseUlimit } from "../run-options/ulimits.ts";
import { parseMemory } from "../sizes.ts";
import type { HostConfigBody } from "./container-body.ts";
import { checked, invalid, unavailable } from "./invalid.ts";

type Resources = Pick<
  HostConfigBody,
  "CpuPeriod" | "CpuQuota" | "Memory" | "MemoryReservation" | "MemorySwap" | "MemorySwappiness" | "NanoCpus"
>;

const mebibyte = 1024 * 1024;

/** How many CPUs and how much memory a VM is to have. @throws INVALID_ARGUMENT in dockerd's words */
export function sizeParams(body: Resources): {
  params: Pick<VmCreateParams, "cpus" | "memoryMiB">;
  warnings: string[];
} {
  checked(() => checkSwappiness(body.MemorySwappiness ?? -1));
  const { Memory: memory, MemoryReservation: reservation, MemorySwap: memoryAndSwap } = body;
  checkMemoryLimits({ memory, reservation, memoryAndSwap });
  const { cpus, warning } = wholeCpus({
    cpus: body.NanoCpus / 1e9,
    quotaUs: body.CpuQuota,
    periodUs: body.CpuPeriod,
  });
  return {
    params: {
      ...(cpus === undefined ? {} : { cpus }),
      ...(memory === 0 ? {} : { memoryMiB: Math.ceil(memory / mebibyte) }),
    },
    warnings: warning === undefined ? [] : [warning],
  };
}

const modes = {
  CgroupnsMode: { known: ["host", "private"], mistake: "invalid cgroup namespace mode: " },
  IpcMode: { known: ["host", "none", "private", "shareable"], mistake: "invalid IPC mode: " },
  PidMode: { known: ["host"], mistake: "invalid PID mode: " },
  UTSMode: { known: ["host"], mistake: "invalid UTS mode: " },
  UsernsMode: { known: ["host"], mistake: "invalid userns mode: " },
} as const;

/**
 * Refuses what no VM can have; what it does not need is accepted. @throws FEATURE_UNAVAILABLE,
 * INVALID_ARGUMENT
 */
export function refuseImpossible(host: HostConfigBody): void {
  for (const key of ["CgroupnsMode", "IpcMode", "PidMode", "UTSMode", "UsernsMode"] as const) {
    const mode = host[key];
    if (mode.startsWith("container:")) {
      throw unavailable(
        `${key} ${mode}`,
        "a VM shares nothing with another one: each has a kernel of its own",
      );
    }
    const known: readonly string[] = modes[key].known;
    if (mode !== "" && !known.includes(mode)) throw invalid(`${modes[key].mistake}${mode}`);
  }
  if (host.Isolation !== "" && host.Isolation !== "default")
    throw invalid(`invalid isolation (${host.Isolation}): linux only supports 'default'`);
  for (const { PathOnHost, PathInContainer } of host.Devices) {
    checked(() => checkDevice(PathOnHost, PathInContainer || PathOnHost));
  }
  if (host.DeviceRequests.length > 0) {
    throw unavailable(
      "DeviceRequests",
      "a VM has no GPU of the host",
      "Leave it out, and let the program use the CPU.",
    );
  }
  for (const key of ["ReadBps", "ReadIOps", "WriteBps", "WriteIOps"] as const) {
    if (host[`BlkioDevice${key}`].length > 0) {
      throw unavailable(
        `BlkioDevice${key}`,
        "a VM's disks are files of Mocker's store, of which none is throttled by itself",
      );
    }
  }
  for (const key of ["CpuRealtimePeriod", "CpuRealtimeRuntime"] as const) {
    if (host[key] !== 0) throw unavailable(key, "the CPUs of a VM are ordinary threads of the host");
  }
}

/** The names under which Docker runs containers where nobody says otherwise. */
const dockersRuntimes = ["", "runc", "io.containerd.runc.v2", "auto"];

/** @throws INVALID_ARGUMENT in dockerd's words */
export function runtimeOf({ Runtime: name }: HostConfigBody): VmCreateParams["runtime"] {
  if (dockersRuntimes.includes(name)) return undefined;
  if (name === "krun" || name === "simulation") return name;
  throw invalid(`unknown or invalid runtime name: ${name}`, "There are krun and simulation.");
}

/** @throws INVALID_ARGUMENT in dockerd's words */
export function guestOptions(host: HostConfigBody): GuestOptions {
  const ulimits = host.Ulimits.map(({ Name, Soft, Hard }) =>
    checked(() => parseUlimit(`${Name}=${Soft}:${Hard}`)),
  );
  return {
    ...(host.Privileged ? { privileged: true } : {}),
    ...(host.Init ? { init: true } : {}),
    ...(host.ReadonlyRootfs ? { readOnly: true } : {}),
    ...(host.ShmSize === 0 ? {} : { shmSizeBytes: host.ShmSize }),
    ...(ulimits.length > 0 ? { ulimits } : {}),
    ...(Object.keys(host.Sysctls).length > 0 ? { sysctls: host.Sysctls } : {}),
    ...(host.GroupAdd.length > 0 ? { groupAdd: host.GroupAdd } : {}),
    ...(host.CapAdd.length > 0 ? { capAdd: host.CapAdd } : {}),
    ...(host.CapDrop.length > 0 ? { capDrop: host.CapDrop } : {}),
    ...(host.PidsLimit ? { pidsLimit: host.PidsLimit } : {}),
    ...(host.OomScoreAdj === 0 ? {} : { oomScoreAdj: host.OomScoreAdj }),
    ...storage(host.StorageOpt),
  };
}

function storage(options: Readonly<Record<string, string>>): Pick<GuestOptions, "storageSizeBytes"> {
  const { size, ...others } = options;
  const [other] = Object.keys(others);
  if (other !== undefined) throw invalid(`unknown option ${other}: the only storage option is size`);
  return size === undefined ? {} : { storageSizeBytes: checked(() => parseMemory(size)) };
}
