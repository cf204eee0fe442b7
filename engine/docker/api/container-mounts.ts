/** Binds, mounts, tmpfs and volumes of the body that creates a container. */
import { isAbsolute, posix } from "node:path";
import { MockerError } from "../../protocol/errors.ts";
import type { Mount } from "../../protocol/vm.ts";
import { parseTmpfs, parseVolume } from "../mount.ts";
import type { ContainerBody, MountBody } from "./container-body.ts";
import { unavailable } from "./invalid.ts";

/** @throws MOUNT_INVALID in dockerd's words */
export function mountsOf({ HostConfig: host, Volumes }: ContainerBody): Mount[] {
  const mounts = [
    ...host.Binds.map((text) => bindOf(text, host.VolumeDriver)),
    ...host.Mounts.map(mountOf),
    ...Object.entries(host.Tmpfs).map(([target, options]) =>
      parseTmpfs(options === "" ? target : `${target}:${options}`),
    ),
  ];
  const targets = new Set(mounts.map(({ target }) => posix.normalize(target).replace(/(?<=.)\/$/, "")));
  // As in Docker, one that is mounted otherwise is no anonymous volume.
  const anonymous = Volumes.map(([target]) => parseVolume(target, "/")).filter(
    ({ target }) => !targets.has(target.replace(/(?<=.)\/$/, "")),
  );
  return [...mounts, ...anonymous];
}

function invalid(message: string): MockerError {
  return new MockerError("MOUNT_INVALID", message);
}

/** As dockerd, which knows no directory that a path could be relative to. */
function bindOf(text: string, driver: string): Mount {
  const [source = "", target] = text.split(":");
  if (target !== undefined && !isAbsolute(source) && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(source)) {
    throw invalid(
      source === "" || target === ""
        ? `invalid volume specification: '${text}'`
        : `create ${source}: ${JSON.stringify(source)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  const mount = volumeOf(text, isAbsolute(source) ? "bind" : "volume");
  return mount.type === "volume" && driver !== "" ? { ...mount, driver } : mount;
}

function volumeOf(text: string, type: string): Mount {
  try {
    return parseVolume(text, "/");
  } catch (error) {
    const { message } = error instanceof Error ? error : new Error(String(error));
    if (!/^invalid (?:mount path|specification): /.test(message)) throw error;
    throw invalid(
      `invalid volume specification: '${text}': invalid mount config for type "${type}": ${message}`,
    );
  }
}

function mountOf(body: MountBody): Mount {
  const { Type: type, Source: source, Target: target, ReadOnly: readOnly } = body;
  const wrong = (why: string): MockerError =>
    invalid(`invalid mount config for type ${JSON.stringify(type)}: ${why}`);
  const options = { bind: "BindOptions", volume: "VolumeOptions", tmpfs: "TmpfsOptions" } as const;
  if (target === "") throw wrong("field Target must not be empty");
  if (!isAbsolute(target)) throw wrong(`invalid mount path: '${target}' mount path must be absolute`);
  for (const [other, name] of Object.entries(options)) {
    if (other !== type && body[name]) throw wrong(`field ${name} must not be specified`);
  }
  const place = { target: posix.normalize(target), readOnly };
  switch (type) {
    case "bind": {
      if (source === "") throw wrong("field Source must not be empty");
      if (!isAbsolute(source)) throw wrong(`invalid mount path: '${source}' mount path must be absolute`);
      const { NonRecursive = false, CreateMountpoint = false } = body.BindOptions ?? {};
      if (NonRecursive)
        throw unavailable("a bind mount that is not recursive", "mounts inside the source come along");
      return {
        type,
        source: posix.normalize(source),
        ...(CreateMountpoint ? {} : { mustExist: true }),
        ...place,
      };
    }
    case "volume": {
      const { NoCopy = false, Labels = {}, Subpath = "", DriverConfig } = body.VolumeOptions ?? {};
      const { Name = "", Options = {} } = DriverConfig ?? {};
      return {
        type,
        ...(source === "" ? {} : { name: source }),
        ...(NoCopy ? { noCopy: true } : {}),
        ...(Subpath === "" ? {} : { subpath: Subpath }),
        ...(Name === "" ? {} : { driver: Name }),
        ...(Object.keys(Options).length > 0 ? { options: Options } : {}),
        ...(Object.keys(Labels).length > 0 ? { labels: Labels } : {}),
        ...place,
      };
    }
    case "tmpfs": {
      if (source !== "") throw wrong("field Source must not be specified");
      const { SizeBytes = 0, Mode = 0, Options = [] } = body.TmpfsOptions ?? {};
      const mode = Mode === 0 ? [] : [`mode=${Mode.toString(8)}`];
      const words = [...mode, ...Options.map((pair) => pair.join("="))];
      // Checks what others than Docker's command line may say.
      if (words.length > 0) parseTmpfs(`${target}:${words.join(",")}`);
      return {
        type,
        ...(SizeBytes > 0 ? { sizeBytes: SizeBytes } : {}),
        ...(words.length > 0 ? { options: words } : {}),
        ...place,
      };
    }
    case "image":
    case "npipe":
    case "cluster":
      throw unavailable(`a mount of type ${JSON.stringify(type)}`, "a VM has bind, volume and tmpfs mounts");
    default:
      throw wrong("mount type unknown");
  }
}
