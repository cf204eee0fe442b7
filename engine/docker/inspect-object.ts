/** `inspect`'s objects in Docker's shape, so that scripts and tools find what they look for. */
import type { ImageDetails, Mount, VmDetails, VolumeSummary } from "../protocol/index.ts";
import { hostConfigNetwork, networkSettings } from "./inspect-network.ts";
import { mountSource } from "./mount.ts";
import { rfc3339 } from "./times.ts";

/** Go's zero time, Docker's "never". */
const never = "0001-01-01T00:00:00Z";

/**
 * Docker's object of `docker inspect <container>`, plus what is Mocker's own under `Mocker`. Maps are Go
 * maps.
 */
export function vmObject(vm: VmDetails): Record<string, unknown> {
  const { config } = vm;
  const [path = "", ...args] = vm.command;
  return {
    Id: vm.id,
    Created: vm.createdAt,
    Path: path,
    Args: args,
    State: {
      // Docker knows no "failed": such a VM has exited.
      Status: vm.state === "failed" ? "exited" : vm.state,
      Running: vm.state === "running" || vm.state === "paused",
      Paused: vm.state === "paused",
      Restarting: false,
      OOMKilled: vm.oomKilled ?? false,
      Dead: false,
      Pid: vm.pid,
      ExitCode: vm.exitCode ?? 0,
      Error: vm.reason ?? "",
      StartedAt: vm.startedAt ?? never,
      FinishedAt: vm.finishedAt ?? never,
    },
    Image: vm.imageId,
    LogPath: vm.logPath,
    Name: `/${vm.name}`,
    RestartCount: 0,
    Driver: vm.runtime,
    Platform: "linux",
    HostConfig: {
      Binds: vm.mounts.flatMap((mount) =>
        mount.type === "tmpfs" || (mount.type === "volume" && mount.anonymous)
          ? []
          : [`${mountSource(mount)}:${mount.target}${mount.readOnly ? ":ro" : ""}`],
      ),
      Tmpfs: new Map(
        vm.mounts.flatMap((mount) =>
          isTmpfsFlag(mount) ? [[mount.target, mount.options?.join(",") ?? ""] as const] : [],
        ),
      ),
      ...hostConfigNetwork(config),
      LogConfig: { Type: config.log.driver, Config: new Map(Object.entries(config.log.options)) },
      AutoRemove: config.autoRemove,
      SecurityOpt: config.securityOpt.length === 0 ? null : config.securityOpt,
      Runtime: vm.runtime,
      Memory: config.memoryMiB * 1024 * 1024,
      NanoCpus: config.cpus * 1_000_000_000,
    },
    Mounts: vm.mounts.filter((mount) => !isTmpfsFlag(mount)).map(mountObject),
    Config: {
      Hostname: config.hostname,
      Domainname: config.domainname,
      ...(config.exposedPorts.length === 0
        ? {}
        : { ExposedPorts: new Map(config.exposedPorts.map((port) => [port, {}])) }),
      User: config.user,
      Tty: config.tty,
      OpenStdin: config.openStdin,
      StdinOnce: config.stdinOnce,
      Env: [...config.env, ...config.secretEnv.map(({ name }) => `${name}=<secret>`)],
      Cmd: config.cmd,
      Image: vm.image,
      Volumes: anonymousTargets(vm.mounts),
      WorkingDir: config.workingDir,
      Entrypoint: config.entrypoint.length === 0 ? null : config.entrypoint,
      Labels: new Map(Object.entries(vm.labels)),
      StopSignal: config.stopSignal,
      StopTimeout: config.stopTimeoutSeconds,
    },
    NetworkSettings: networkSettings(vm),
    Mocker: vm,
  };
}

/** `--tmpfs`, which Docker keeps apart from `--mount type=tmpfs`. */
function isTmpfsFlag(mount: Mount): mount is Mount & { type: "tmpfs" } {
  return mount.type === "tmpfs" && mount.options !== undefined;
}

function mountObject(mount: Mount): Record<string, unknown> {
  const isVolume = mount.type === "volume";
  // Docker labels a volume that has a name for SELinux.
  const mode = mount.readOnly ? "ro" : isVolume && !mount.anonymous ? "z" : "";
  return {
    Type: mount.type,
    ...(isVolume ? { Name: mount.name ?? "" } : {}),
    Source: mount.type === "tmpfs" ? "" : (mount.source ?? ""),
    Destination: mount.target,
    ...(isVolume ? { Driver: mount.driver ?? "local" } : {}),
    Mode: mode,
    RW: !mount.readOnly,
    Propagation: mount.type === "bind" ? "rprivate" : "",
  };
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
  return {
    CreatedAt: rfc3339(volume.createdAt),
    Driver: volume.driver,
    Labels: orNull(volume.labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: orNull(volume.options),
    Scope: "local",
    ...(volume.broken === undefined ? {} : { Status: new Map([["broken", volume.broken]]) }),
  };
}

/** Docker's object of `docker image inspect`. */
export function imageObject(image: ImageDetails): Record<string, unknown> {
  const { config } = image;
  const set = (names: readonly string[]): Map<string, unknown> => new Map(names.map((name) => [name, {}]));
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: "",
    Comment: image.comment ?? "",
    Created: image.created,
    Author: image.author,
    Config: {
      User: config.user,
      ExposedPorts: set(config.exposedPorts),
      Env: config.env,
      Cmd: config.cmd,
      Volumes: set(config.volumes),
      WorkingDir: config.workingDir,
      Entrypoint: config.entrypoint.length === 0 ? null : config.entrypoint,
      Labels: new Map(Object.entries(config.labels)),
      StopSignal: config.stopSignal,
    },
    Architecture: image.architecture,
    ...(image.variant === undefined ? {} : { Variant: image.variant }),
    Os: image.os,
    Size: image.sizeBytes,
    RootFS: { Type: "layers", Layers: image.layers.map((layer) => layer.diffId) },
    Descriptor: { digest: image.manifestDigest },
  };
}
