/** The grammar of `-v` and `--mount`. What Mocker cannot mount yet is the engine's to refuse. */
import { isAbsolute, posix, resolve } from "node:path";
import { MockerError, type Mount } from "../protocol/index.ts";
import { parseMemory } from "./sizes.ts";

const ignoredModes = new Set(["rw", "z", "Z", "cached", "delegated", "consistent", "nocopy"]);
const propagation = /^r?(private|shared|slave)$/;

/**
 * `SOURCE:TARGET[:OPTIONS]`. A source that is a path is a bind mount, relative to `cwd` if it starts with
 * `.`; another one names a volume; a TARGET alone is an anonymous volume. Throws MockerError MOUNT_INVALID.
 */
export function parseVolume(text: string, cwd: string): Mount {
  const invalid = (why: string): MockerError =>
    new MockerError("MOUNT_INVALID", `invalid spec: ${text}: ${why}`);
  if (text === "") throw new MockerError("MOUNT_INVALID", "invalid empty volume spec");
  const parts = text.split(":");
  if (parts.includes("")) throw invalid("empty section between colons");
  const [source, target, options, more] = parts as [string, ...string[]];
  if (more !== undefined) throw invalid("too many colons");
  if (target === undefined) {
    checkTarget(source);
    return { type: "volume", target: posix.normalize(source), readOnly: false };
  }
  checkTarget(target);
  let readOnly = false;
  for (const mode of options?.split(",") ?? []) {
    if (mode === "ro" || mode === "readonly") readOnly = true;
    else if (!ignoredModes.has(mode) && !propagation.test(mode)) {
      throw new MockerError("MOUNT_INVALID", `invalid mode: ${options}`, { hint: "use ro or rw" });
    }
  }
  const place = { target: posix.normalize(target), readOnly };
  if (!isPath(source)) return { type: "volume", name: source, ...place };
  return { type: "bind", source: resolve(cwd, source), ...place };
}

/** Where a mount comes from, for people: a path of the host, a volume's name, or nothing. */
export function mountSource(mount: Mount): string {
  if (mount.type === "bind") return mount.source;
  return mount.type === "volume" ? (mount.name ?? "") : "";
}

/** Docker's rule: other sources are names of volumes. */
function isPath(source: string): boolean {
  return isAbsolute(source) || /^\.{1,2}(\/|$)/.test(source);
}

function checkTarget(target: string): void {
  if (!isAbsolute(target)) {
    throw new MockerError("MOUNT_INVALID", `invalid mount path: '${target}' mount path must be absolute`);
  }
  if (posix.normalize(target) === "/") {
    throw new MockerError("MOUNT_INVALID", "invalid specification: destination can't be '/'");
  }
}

const bindKeys = new Set(["bind-propagation", "bind-nonrecursive", "bind-recursive", "consistency"]);

/**
 * `type=bind,source=PATH,target=PATH[,readonly]`, `type=volume[,source=NAME],target=PATH[,readonly]` or
 * `type=tmpfs,target=PATH[,tmpfs-size=BYTES]`. Throws Error with the reason.
 */
export function parseMount(text: string, cwd: string): Mount {
  let type = "volume";
  let source: string | undefined;
  let target: string | undefined;
  let sizeBytes: number | undefined;
  let readOnly = false;
  for (const field of text.split(",")) {
    const equals = field.indexOf("=");
    const key = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? undefined : field.slice(equals + 1);
    if (key === "readonly" || key === "ro") {
      if (value !== undefined && !/^(1|t|true|0|f|false)$/i.test(value)) {
        throw new Error(`invalid value for ${key}: ${value}`);
      }
      readOnly = value === undefined || /^(1|t|true)$/i.test(value);
      continue;
    }
    if (value === undefined) throw new Error(`invalid field '${field}' must be a key=value pair`);
    if (key === "type") type = value.toLowerCase();
    else if (key === "source" || key === "src") source = value;
    else if (key === "target" || key === "dst" || key === "destination") target = value;
    else if (key === "tmpfs-size") sizeBytes = parseMemory(value);
    else if (!bindKeys.has(key)) throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  if (target === undefined || target === "") throw new Error("target is required");
  checkTarget(target);
  const place = { target: posix.normalize(target), readOnly };
  if (type !== "tmpfs" && sizeBytes !== undefined)
    throw new Error(`tmpfs-size is not for mounts of type "${type}"`);
  switch (type) {
    case "bind":
      if (source === undefined || source === "") throw new Error("source is required");
      if (!isPath(source)) throw new Error(`source must be a path: ./${source} or an absolute one`);
      return { type, source: resolve(cwd, source), ...place };
    case "volume":
      return { type, ...(source ? { name: source } : {}), ...place };
    case "tmpfs":
      if (source !== undefined) throw new Error("a tmpfs has no source");
      return { type, ...(sizeBytes === undefined ? {} : { sizeBytes }), ...place };
    default:
      throw new Error(`mounts of type "${type}" are not supported: use bind, volume or tmpfs`);
  }
}
