/** The body of `POST /containers/create`: Docker's Config, HostConfig and NetworkingConfig. */
import * as v from "valibot";
import { flag, keys, list, listOf, map, mapOf, maybeNumber, number, text, words } from "./fields.ts";

const anything = v.nullish(v.array(v.unknown()), []);

/** Durations are nanoseconds. */
const Healthcheck = v.object({
  Test: list,
  Interval: number,
  Timeout: number,
  StartPeriod: number,
  StartInterval: number,
  Retries: number,
});
export type HealthcheckBody = v.InferOutput<typeof Healthcheck>;

const Mount = v.object({
  Type: text,
  Source: text,
  Target: text,
  ReadOnly: flag,
  BindOptions: v.nullish(
    v.object({ Propagation: text, NonRecursive: flag, CreateMountpoint: flag, ReadOnlyNonRecursive: flag }),
  ),
  VolumeOptions: v.nullish(
    v.object({
      NoCopy: flag,
      Labels: map,
      Subpath: text,
      DriverConfig: v.nullish(v.object({ Name: text, Options: map })),
    }),
  ),
  TmpfsOptions: v.nullish(
    v.object({ SizeBytes: number, Mode: number, Options: v.nullish(v.array(list), []) }),
  ),
});
export type MountBody = v.InferOutput<typeof Mount>;

export const RestartPolicy = v.object({ Name: text, MaximumRetryCount: number });
export type RestartPolicyBody = v.InferOutput<typeof RestartPolicy>;

/** What `POST /containers/{id}/update` takes, too. */
export const resources = {
  BlkioWeight: number,
  BlkioDeviceReadBps: anything,
  BlkioDeviceReadIOps: anything,
  BlkioDeviceWriteBps: anything,
  BlkioDeviceWriteIOps: anything,
  CpuPeriod: number,
  CpuQuota: number,
  CpuRealtimePeriod: number,
  CpuRealtimeRuntime: number,
  CpuShares: number,
  CpusetCpus: text,
  CpusetMems: text,
  Memory: number,
  MemoryReservation: number,
  MemorySwap: number,
  /** -1, and null, leave it to the kernel. */
  MemorySwappiness: maybeNumber,
  NanoCpus: number,
  PidsLimit: maybeNumber,
  Ulimits: listOf(v.object({ Name: text, Soft: number, Hard: number })),
  Devices: listOf(v.object({ PathOnHost: text, PathInContainer: text })),
  DeviceRequests: anything,
};

const HostConfig = v.object({
  ...resources,
  Annotations: map,
  AutoRemove: flag,
  Binds: list,
  CapAdd: list,
  CapDrop: list,
  CgroupnsMode: text,
  Dns: list,
  DnsOptions: list,
  DnsSearch: list,
  ExtraHosts: list,
  GroupAdd: list,
  Init: v.nullish(v.boolean()),
  IpcMode: text,
  Isolation: text,
  Links: list,
  LogConfig: v.nullish(v.object({ Type: text, Config: map })),
  Mounts: listOf(Mount),
  NetworkMode: text,
  OomScoreAdj: number,
  PidMode: text,
  PortBindings: mapOf(listOf(v.object({ HostIp: text, HostPort: text }))),
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  RestartPolicy: v.nullish(RestartPolicy),
  Runtime: text,
  SecurityOpt: list,
  ShmSize: number,
  StorageOpt: map,
  Sysctls: map,
  Tmpfs: map,
  UTSMode: text,
  UsernsMode: text,
  VolumeDriver: text,
  VolumesFrom: list,
});
export type HostConfigBody = v.InferOutput<typeof HostConfig>;

/** How a container is in one network; `POST /networks/{id}/connect` takes it, too. */
export const EndpointSettings = v.object({
  Aliases: list,
  DriverOpts: map,
  GwPriority: number,
  IPAMConfig: v.nullish(v.object({ IPv4Address: text, IPv6Address: text, LinkLocalIPs: list })),
  Links: list,
  MacAddress: text,
});
export type EndpointSettingsBody = v.InferOutput<typeof EndpointSettings>;

export const ContainerBody = v.object({
  Cmd: words,
  Domainname: text,
  Entrypoint: words,
  Env: list,
  ExposedPorts: keys,
  Healthcheck: v.nullish(Healthcheck),
  HostConfig: v.nullish(HostConfig, {}),
  Hostname: text,
  Image: text,
  Labels: map,
  /** Of the main network, before API 1.44. */
  MacAddress: text,
  NetworkDisabled: flag,
  NetworkingConfig: v.nullish(v.object({ EndpointsConfig: mapOf(v.nullish(EndpointSettings)) })),
  OpenStdin: flag,
  StdinOnce: flag,
  StopSignal: text,
  StopTimeout: maybeNumber,
  Tty: flag,
  User: text,
  Volumes: keys,
  WorkingDir: text,
});
export type ContainerBody = v.InferOutput<typeof ContainerBody>;
