/** `-v` and `--mount`: directories and files of the host in the VM. */
import { isAbsolute, posix, resolve } from "node:path";
import { MockerError, type VolumeMount } from "../protocol/index.ts";

const ignoredModes = new Set(["rw", "z", "Z", "cached", "delegated", "consistent", "nocopy"]);
const propagation = /^r?(private|shared|slave)$/;

/**
 * `SOURCE:TARGET[:OPTIONS]`; a source that starts with `.` is relative to `cwd`. A TARGET alone, Docker's anonymous
 * volume, gives undefined: it is part of the VM's own disk anyway.
 * Throws MockerError MOUNT_INVALID.
 */
export function parseVolume(text: string, cwd: string): VolumeMount | undefined {
  const invalid = (why: string, hint?: string): MockerError =>
    new MockerError("MOUNT_INVALID", `invalid spec: ${text}: ${why}`, { hint });
  if (text === "") throw new MockerError("MOUNT_INVALID", "invalid empty volume spec");
  const parts = text.split(":");
  if (parts.includes("")) throw invalid("empty section between colons");
  const [source, target, options, more] = parts as [string, ...string[]];
  if (more !== undefined) throw invalid("too many colons");
  if (target === undefined) {
    checkTarget(source);
    return undefined;
  }
  checkTarget(target);
  let readOnly = false;
  for (const mode of options?.split(",") ?? []) {
    if (mode === "ro" || mode === "readonly") readOnly = true;
    else if (!ignoredModes.has(mode) && !propagation.test(mode)) {
      throw new MockerError("MOUNT_INVALID", `invalid mode: ${options}`, { hint: "use ro or rw" });
    }
  }
  if (!isAbsolute(source) && !/^\.{1,2}(\/|$)/.test(source)) {
    throw invalid("named volumes are not supported yet", `give a path: ./${source} or an absolute one`);
  }
  return { source: resolve(cwd, source), target: posix.normalize(target), readOnly };
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

/** `type=bind,source=PATH,target=PATH[,readonly]`. Throws Error with the reason. */
export function parseMount(text: string, cwd: string): VolumeMount {
  let type = "volume";
  let source: string | undefined;
  let target: string | undefined;
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
    else if (!bindKeys.has(key)) throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  if (target === undefined || target === "") throw new Error("target is required");
  if (type !== "bind") throw new Error(`mounts of type "${type}" are not supported: use type=bind`);
  if (source === undefined || source === "") throw new Error("source is required");
  if (!isAbsolute(source) && !/^\.{1,2}(\/|$)/.test(source)) {
    throw new Error(`source must be a path: ./${source} or an absolute one`);
  }
  checkTarget(target);
  return { source: resolve(cwd, source), target: posix.normalize(target), readOnly };
}
