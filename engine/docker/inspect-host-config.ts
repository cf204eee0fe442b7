/** The parts of `docker inspect` about how a container is run: `HostConfig`, and the state of its health. */
import type { Health, Healthcheck, Mount, VmDetails } from "../protocol/index.ts";
import { hostConfigNetwork } from "./inspect-network.ts";
import { mountSource } from "./mount.ts";

const defaultShmBytes = 64 * 1024 * 1024;

/** `HostConfig`, with Docker's values for what a VM has not. */
export function hostConfig(vm: VmDetails): Record<string, unknown> {
  const { config } = vm;
  const { guest } = config;
  const orNull = (list: readonly string[] = []): readonly string[] | null =>
    list.length === 0 ? null : list;
  return withOmitted(
    {
      Binds: binds(vm.mounts),
      ContainerIDFile: "",
      LogConfig: { Type: config.log.driver, Config: new Map(Object.entries(config.log.options)) },
      ...hostConfigNetwork(config),
      RestartPolicy: { Name: config.restart.name, MaximumRetryCount: config.restart.maximumRetryCount },
      AutoRemove: config.autoRemove,
      VolumeDriver: "",
      VolumesFrom: null,
      ConsoleSize: [0, 0],
      CapAdd: orNull(guest.capAdd?.map(capability)),
      CapDrop: orNull(guest.capDrop?.map(capability)),
      CgroupnsMode: "private",
      GroupAdd: orNull(guest.groupAdd),
      IpcMode: "private",
      Cgroup: "",
      OomScoreAdj: guest.oomScoreAdj ?? 0,
      PidMode: "",
      Privileged: guest.privileged ?? false,
      ReadonlyRootfs: guest.readOnly ?? false,
      SecurityOpt: orNull(config.securityOpt),
      UTSMode: "",
      UsernsMode: "",
      ShmSize: guest.shmSizeBytes ?? defaultShmBytes,
      Runtime: vm.runtime,
      Isolation: "",
      CpuShares: 0,
      Memory: config.memoryMiB * 1024 * 1024,
      NanoCpus: config.cpus * 1_000_000_000,
      CgroupParent: "",
      BlkioWeight: 0,
      BlkioWeightDevice: [],
      BlkioDeviceReadBps: [],
      BlkioDeviceWriteBps: [],
      BlkioDeviceReadIOps: [],
      BlkioDeviceWriteIOps: [],
      CpuPeriod: 0,
      CpuQuota: 0,
      CpuRealtimePeriod: 0,
      CpuRealtimeRuntime: 0,
      CpusetCpus: "",
      CpusetMems: "",
      Devices: [],
      DeviceCgroupRules: null,
      DeviceRequests: null,
      MemoryReservation: 0,
      MemorySwap: 0,
      MemorySwappiness: null,
      OomKillDisable: null,
      PidsLimit: guest.pidsLimit ?? null,
      Ulimits: (guest.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Hard: hard, Soft: soft })),
      CpuCount: 0,
      CpuPercent: 0,
      IOMaximumIOps: 0,
      IOMaximumBandwidth: 0,
      MaskedPaths: null,
      ReadonlyPaths: null,
    },
    {
      Annotations: goMap(config.annotations),
      Init: guest.init ?? null,
      // Binds has those of `--mount`, too.
      Mounts: null,
      StorageOpt: goMap(guest.storageSizeBytes === undefined ? {} : { size: String(guest.storageSizeBytes) }),
      Sysctls: goMap(guest.sysctls ?? {}),
      Tmpfs: new Map(
        vm.mounts.flatMap((mount) =>
          isTmpfsFlag(mount) ? [[mount.target, mount.options?.join(",") ?? ""] as const] : [],
        ),
      ),
    },
  );
}

/** `State.Health`; null for a container without a health check, or one that never ran. */
export function healthState(health: Health | undefined): Record<string, unknown> | null {
  if (health === undefined) return null;
  return {
    Status: health.status,
    FailingStreak: health.failingStreak,
    Log: health.log.map(({ start, end, exitCode, output }) => ({
      Start: start,
      End: end,
      ExitCode: exitCode,
      Output: output,
    })),
  };
}

/** `Config.Healthcheck`; durations are nanoseconds, and those of Docker's defaults are left out. */
export function healthConfig(check: Healthcheck | undefined): Record<string, unknown> | null {
  if (check === undefined) return null;
  const { test = [], intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries } = check;
  const durations = {
    Interval: intervalMs,
    Timeout: timeoutMs,
    StartPeriod: startPeriodMs,
    StartInterval: startIntervalMs,
  };
  const given = Object.entries(durations).flatMap(([key, ms]) =>
    ms ? [[key, Math.round(ms * 1e6)] as const] : [],
  );
  return { Test: test, ...Object.fromEntries(given), ...(retries ? { Retries: retries } : {}) };
}

/**
 * An object with further members that templates find, but that are no part of its JSON where they are empty:
 * Go's `omitempty`.
 */
export function withOmitted(
  object: Record<string, unknown>,
  members: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  for (const [key, value] of Object.entries(members)) {
    const isEmpty = value === null || value === "" || (value instanceof Map && value.size === 0);
    Object.defineProperty(object, key, { value, enumerable: !isEmpty });
  }
  return object;
}

/** `--tmpfs`, which Docker keeps apart from `--mount type=tmpfs`. */
export function isTmpfsFlag(mount: Mount): mount is Mount & { type: "tmpfs" } {
  return mount.type === "tmpfs" && mount.options !== undefined;
}

/** A capability by its whole name. */
function capability(name: string): string {
  const upper = name.toUpperCase();
  return upper === "ALL" || upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
}

function binds(mounts: readonly Mount[]): string[] | null {
  const texts = mounts.flatMap((mount) =>
    mount.type === "tmpfs" || (mount.type === "volume" && mount.anonymous)
      ? []
      : [`${mountSource(mount)}:${mount.target}${mount.readOnly ? ":ro" : ""}`],
  );
  return texts.length === 0 ? null : texts;
}

function goMap(object: Readonly<Record<string, string>>): Map<string, string> {
  return new Map(Object.entries(object));
}
