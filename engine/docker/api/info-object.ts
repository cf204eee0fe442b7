/** `info`'s object in Docker's shape, with Mocker's own members beside. */
import type { EngineInfo } from "../../protocol/index.ts";

/** Of the machine and the moment that it is made for. */
interface InfoContext {
  hostName: string;
  now: Date;
  /** `context`: that in use; absent for one without contexts. */
  client: { version: string; arch: string; os: string; context?: string };
}

/** As `uname -m` calls them. */
const machines: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };

/** Go's names, as Docker prints them. */
const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** @param arch as Node calls it */
export function goArchitecture(arch: string): string {
  return architectures[arch] ?? arch;
}

/** Docker's object of `docker info` with all that is Mocker's own beside, under its own names. */
export function infoObject(info: EngineInfo, context: InfoContext): Record<string, unknown> {
  const { client } = context;
  return {
    ...engineInfoObject(info, context),
    ClientInfo: versionObject({
      Debug: false,
      Version: client.version,
      Os: client.os,
      Arch: client.arch,
      Context: client.context ?? "default",
      Plugins: [],
      Warnings: null,
    }),
    ...info,
  };
}

/**
 * Of an engine alone, as Docker's API says it: zero values stand for what a VM has no use for. Nothing is
 * beside: to Go's clients `architecture` is `Architecture`.
 */
export function engineInfoObject(
  info: EngineInfo,
  { hostName, now }: Pick<InfoContext, "hostName" | "now">,
): Record<string, unknown> {
  const { vms, runtime } = info;
  return {
    ID: "",
    Containers: vms.total,
    // Docker counts those that are paused apart.
    ContainersRunning: vms.running - vms.paused,
    ContainersPaused: vms.paused,
    ContainersStopped: vms.total - vms.running,
    Images: info.images,
    Driver: "erofs",
    DriverStatus: null,
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "null"],
      Authorization: null,
      Log: ["json-file", "local", "none"],
    },
    MemoryLimit: true,
    SwapLimit: false,
    KernelMemoryTCP: false,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: false,
    CPUSet: false,
    PidsLimit: true,
    IPv4Forwarding: true,
    Debug: false,
    NFd: 0,
    OomKillDisable: false,
    NGoroutines: 0,
    SystemTime: now.toISOString(),
    LoggingDriver: "local",
    CgroupDriver: "none",
    // A guest's own.
    CgroupVersion: "2",
    NEventsListener: 0,
    KernelVersion: info.hostKernelVersion,
    OperatingSystem: "Mocker",
    OSVersion: "",
    OSType: "linux",
    Architecture: machines[info.architecture] ?? info.architecture,
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: registryConfig(info.registries ?? { mirrors: [], insecure: [] }),
    NCPU: info.cpus,
    MemTotal: info.memoryMiB * 1024 * 1024,
    GenericResources: null,
    DockerRootDir: info.dataDir,
    HttpProxy: "",
    HttpsProxy: "",
    NoProxy: "",
    Name: hostName,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: info.version,
    Runtimes: new Map([
      ["krun", { path: info.libkrunPath ?? "" }],
      ["simulation", { path: "" }],
    ]),
    DefaultRuntime: runtime,
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: "mocker-agent",
    ContainerdCommit: { ID: "" },
    RuncCommit: { ID: "" },
    InitCommit: { ID: "" },
    SecurityOptions: [],
    CDISpecDirs: null,
    FirewallBackend: { Driver: "mocker-netd" },
    Warnings: info.simulationReason === undefined ? null : [`WARNING: ${info.simulationReason}`],
  };
}

type Registries = NonNullable<EngineInfo["registries"]>;

/** How registries are reached, as dockerd tells it. */
function registryConfig({ mirrors, insecure }: Registries): Record<string, unknown> {
  const networks = insecure.filter((entry) => entry.includes("/"));
  const hosts = insecure.filter((entry) => !entry.includes("/"));
  const index = (Name: string, Mirrors: readonly string[], Official: boolean) =>
    [Name, { Name, Mirrors, Secure: Official, Official }] as const;
  return {
    // Loopback needs no TLS.
    InsecureRegistryCIDRs: ["127.0.0.0/8", "::1/128", ...networks],
    IndexConfigs: new Map([
      index("docker.io", mirrors, true),
      ...hosts.map((host) => index(host, [], false)),
    ]),
    Mirrors: mirrors,
  };
}

/** Of Docker's API whose commands these are. */
const apiVersion = "1.45";

/** The parts of an engine, as Docker lists them. `engine` is its {@link versionObject}. */
export function versionComponents(info: EngineInfo, engine: Record<string, unknown>): object[] {
  const names = [
    "ApiVersion",
    "Arch",
    "BuildTime",
    "GitCommit",
    "GoVersion",
    "KernelVersion",
    "MinAPIVersion",
    "Os",
  ];
  const details = names.map((name): [string, unknown] => [name, engine[name]]);
  const part = (name: string, version: string | null): object[] =>
    version === null ? [] : [{ Name: name, Version: version, Details: { GitCommit: "" } }];
  return [
    {
      Name: "Engine",
      Version: info.version,
      Details: { ...Object.fromEntries(details), Experimental: "false" },
    },
    ...part("libkrun", info.libkrunVersion),
    ...part("guest kernel", info.guestKernelVersion),
  ];
}

/** The version of a client or an engine, with what scripts ask Docker's for. */
export function versionObject(own: Record<string, unknown>): Record<string, unknown> {
  const object = {
    ApiVersion: apiVersion,
    MinAPIVersion: apiVersion,
    DefaultAPIVersion: apiVersion,
    GitCommit: "",
    GoVersion: "",
    BuildTime: "",
    ...own,
  };
  // By Go's name, which templates use and JSON does not.
  return Object.defineProperty(object, "APIVersion", { value: apiVersion });
}
