/** `inspect`'s objects in Docker's shape, so that scripts and tools find what they look for. */
import type { ImageDetails, Mount, VmDetails, VolumeSummary } from "../protocol/index.ts";
import { healthConfig, healthState, hostConfig, isTmpfsFlag, withOmitted } from "./inspect-host-config.ts";
import { networkSettings } from "./inspect-network.ts";
import { rfc3339 } from "./times.ts";

/** Go's zero time, Docker's "never". */
const never = "0001-01-01T00:00:00Z";

const defaultStopSeconds = 10;

/**
 * Docker's object of `docker inspect <container>`, plus what is Mocker's own under `Mocker`. Maps are Go
 * maps.
 */
export function vmObject(vm: VmDetails): Record<string, unknown> {
  const { config } = vm;
  const [path = "", ...args] = vm.command;
  const object = {
    Id: vm.id,
    Created: vm.createdAt,
    Path: path,
    Args: args,
    State: withOmitted(
      {
        // Docker knows no "failed": such a VM has exited.
        Status: vm.state === "failed" ? "exited" : vm.state,
        Running: vm.state === "running" || vm.state === "paused" || vm.state === "restarting",
        Paused: vm.state === "paused",
        Restarting: vm.state === "restarting",
        OOMKilled: vm.oomKilled ?? false,
        Dead: false,
        Pid: vm.pid,
        ExitCode: vm.exitCode ?? 0,
        Error: vm.reason ?? "",
        StartedAt: vm.startedAt ?? never,
        FinishedAt: vm.finishedAt ?? never,
      },
      { Health: healthState(vm.health) },
    ),
    Image: vm.imageId,
    ResolvConfPath: "",
    HostnamePath: "",
    HostsPath: "",
    LogPath: vm.logPath,
    Name: `/${vm.name}`,
    RestartCount: vm.restartCount,
    Driver: vm.runtime,
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: null,
    HostConfig: hostConfig(vm),
    Mounts: vm.mounts.filter((mount) => !isTmpfsFlag(mount)).map(mountObject),
    GraphDriver: { Data: null, Name: vm.runtime },
    Config: withOmitted(
      {
        Hostname: config.hostname,
        Domainname: config.domainname,
        User: config.user,
        AttachStdin: false,
        AttachStdout: false,
        AttachStderr: false,
        ExposedPorts: null,
        Tty: config.tty,
        OpenStdin: config.openStdin,
        StdinOnce: config.stdinOnce,
        Env: [...config.env, ...config.secretEnv.map(({ name }) => `${name}=<secret>`)],
        Cmd: config.cmd,
        Image: vm.image,
        Volumes: anonymousTargets(vm.mounts),
        WorkingDir: config.workingDir,
        Entrypoint: config.entrypoint.length === 0 ? null : config.entrypoint,
        OnBuild: null,
        Labels: new Map(Object.entries(vm.labels)),
      },
      {
        ExposedPorts: new Map(config.exposedPorts.map((port) => [port, {}])),
        // The defaults are told by nobody.
        StopSignal: config.stopSignal === "SIGTERM" ? "" : config.stopSignal,
        StopTimeout: config.stopTimeoutSeconds === defaultStopSeconds ? null : config.stopTimeoutSeconds,
        Healthcheck: healthConfig(config.healthcheck),
      },
    ),
    NetworkSettings: networkSettings(vm),
    Mocker: vm,
  };
  // `--size` alone asks for them.
  return withOmitted(object, { SizeRw: null, SizeRootFs: null });
}

/** Docker's MountPoint. */
export function mountObject(mount: Mount): Record<string, unknown> {
  const isVolume = mount.type === "volume";
  // Docker labels a volume that has a name for SELinux.
  const mode = mount.readOnly ? "ro" : isVolume && !mount.anonymous ? "z" : "";
  const object = {
    Type: mount.type,
    ...(isVolume ? { Name: mount.name ?? "" } : {}),
    Source: mount.type === "tmpfs" ? "" : (mount.source ?? ""),
    Destination: mount.target,
    ...(isVolume ? { Driver: mount.driver ?? "local" } : {}),
    Mode: mode,
    RW: !mount.readOnly,
    Propagation: mount.type === "bind" ? "rprivate" : "",
  };
  return isVolume ? object : withOmitted(object, { Name: "", Driver: "" });
}

function anonymousTargets(mounts: readonly Mount[]): Map<string, unknown> | null {
  const targets = mounts.flatMap((mount) =>
    mount.type === "volume" && mount.anonymous ? [[mount.target, {}] as const] : [],
  );
  return targets.length === 0 ? null : new Map(targets);
}

/** Docker's object of `docker volume inspect`. */
export function volumeObject(volume: VolumeSummary): Record<string, unknown> {
  const orNull = (map: Record<string, string>): Map<string, string> | null =>
    Object.keys(map).length === 0 ? null : new Map(Object.entries(map));
  return withOmitted(
    {
      CreatedAt: rfc3339(volume.createdAt),
      Driver: volume.driver,
      Labels: orNull(volume.labels),
      Mountpoint: volume.mountpoint,
      Name: volume.name,
      Options: orNull(volume.options),
      Scope: "local",
    },
    { Status: new Map(volume.broken === undefined ? [] : [["broken", volume.broken]]) },
  );
}

/** Docker's object of `docker image inspect`. */
export function imageObject(image: ImageDetails): Record<string, unknown> {
  const { config } = image;
  const orNull = (list: readonly string[]): readonly string[] | null => (list.length === 0 ? null : list);
  const set = (names: readonly string[]): Map<string, unknown> => new Map(names.map((name) => [name, {}]));
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: "",
    Comment: image.comment ?? "",
    Created: image.created,
    Author: image.author,
    DockerVersion: "",
    Config: withOmitted(
      {},
      {
        User: config.user,
        ExposedPorts: set(config.exposedPorts),
        Env: orNull(config.env),
        Entrypoint: orNull(config.entrypoint),
        Cmd: orNull(config.cmd),
        Volumes: set(config.volumes),
        WorkingDir: config.workingDir,
        Labels: new Map(Object.entries(config.labels)),
        StopSignal: config.stopSignal,
        Healthcheck: healthConfig(config.healthcheck),
      },
    ),
    Architecture: image.architecture,
    ...(image.variant === undefined ? {} : { Variant: image.variant }),
    Os: image.os,
    Size: image.sizeBytes,
    GraphDriver: { Data: null, Name: "erofs" },
    Metadata: { LastTagTime: never },
    RootFS: { Type: "layers", Layers: image.layers.map((layer) => layer.diffId) },
    Descriptor: { digest: image.manifestDigest },
  };
}
