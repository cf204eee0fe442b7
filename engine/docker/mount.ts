/** The grammar of `-v`, `--mount`, `--tmpfs` and `--volumes-from`. */
import { isAbsolute, posix, resolve } from "node:path";
import { MockerError, type Mount } from "../protocol/index.ts";
import { parseMemory } from "./sizes.ts";

/** Of SELinux, of Docker Desktop, and what is so anyway. */
const ignoredModes = new Set(["rw", "z", "Z", "cached", "delegated", "consistent"]);
/** A VM's mounts are private: what is mounted on one side later does not show on the other. */
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
  let noCopy = false;
  for (const mode of options?.split(",") ?? []) {
    if (mode === "ro" || mode === "readonly") readOnly = true;
    else if (mode === "nocopy") noCopy = true;
    else if (!ignoredModes.has(mode) && !propagation.test(mode)) {
      throw new MockerError("MOUNT_INVALID", `invalid mode: ${options}`, { hint: "use ro or rw" });
    }
  }
  const place = { target: posix.normalize(target), readOnly };
  if (!isPath(source)) return { type: "volume", name: source, ...(noCopy ? { noCopy } : {}), ...place };
  if (noCopy) {
    throw new MockerError(
      "MOUNT_INVALID",
      `invalid volume specification: '${text}': invalid mount config for type "bind": ` +
        "field VolumeOptions must not be specified",
      { hint: "nocopy is for volumes." },
    );
  }
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

/** Words of mount(8) that a tmpfs takes; those with a value are the file system's own (tmpfs(5)). */
const tmpfsFlags = new Set(
  "ro rw exec noexec suid nosuid dev nodev sync async dirsync atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime".split(
    " ",
  ),
);
const tmpfsKeys = new Set(["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"]);

/** `TARGET[:OPTIONS]` of `--tmpfs`. Throws MockerError MOUNT_INVALID in Docker's words. */
export function parseTmpfs(text: string): Mount {
  const colon = text.indexOf(":");
  const target = colon < 0 ? text : text.slice(0, colon);
  checkTarget(target);
  let readOnly = false;
  const options: string[] = [];
  for (const word of colon < 0 ? [] : text.slice(colon + 1).split(",")) {
    const [key = "", value] = word.split("=", 2);
    if (word === "") continue;
    if (value === undefined ? !tmpfsFlags.has(key) : !tmpfsKeys.has(key)) {
      throw new MockerError("MOUNT_INVALID", `invalid tmpfs option [${JSON.stringify(key)}]`);
    }
    if (word === "ro" || word === "rw") readOnly = word === "ro";
    else options.push(word);
  }
  return { type: "tmpfs", options, target: posix.normalize(target), readOnly };
}

/** `VM[:ro|rw]` of `--volumes-from`. Throws MockerError MOUNT_INVALID in Docker's words. */
export function parseVolumesFrom(text: string): { vm: string; readOnly: boolean } {
  const colon = text.indexOf(":");
  const vm = colon < 0 ? text : text.slice(0, colon);
  const mode = colon < 0 ? "rw" : text.slice(colon + 1);
  if (vm === "") throw new MockerError("MOUNT_INVALID", `invalid volumes-from format: ${text}`);
  if (!/^(ro|rw|z|Z|nocopy)(,(ro|rw|z|Z|nocopy))*$/.test(mode)) {
    throw new MockerError("MOUNT_INVALID", `invalid mode: ${mode}`);
  }
  return { vm, readOnly: mode.split(",").includes("ro") };
}

/** The key of a field and what it is of; the options of one type cannot be given with another. */
const optionTypes = { "bind-": "bind", "volume-": "volume", "tmpfs-": "tmpfs" } as const;
const flagKeys = new Set(["readonly", "ro", "volume-nocopy", "bind-nonrecursive"]);

/**
 * `type=bind,source=PATH,target=PATH[,readonly]`, `type=volume[,source=NAME],target=PATH[,readonly]` or
 * `type=tmpfs,target=PATH[,tmpfs-size=BYTES]`, with Docker's other options. Throws Error with the reason.
 */
export function parseMount(text: string, cwd: string): Mount {
  let type = "volume";
  let source: string | undefined;
  let target: string | undefined;
  let readOnly = false;
  const volume: { noCopy?: true; subpath?: string; driver?: string } = {};
  const options: Record<string, string> = {};
  const labels: Record<string, string> = {};
  const tmpfs: { sizeBytes?: number; options?: string[] } = {};
  const optionKeys = new Set<keyof typeof optionTypes>();
  for (const field of text.split(",")) {
    const equals = field.indexOf("=");
    const key = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase();
    const given = equals < 0 ? undefined : field.slice(equals + 1);
    if (given === undefined && !flagKeys.has(key)) {
      throw new Error(`invalid field '${field}' must be a key=value pair`);
    }
    const value = given ?? "true";
    for (const prefix of ["bind-", "volume-", "tmpfs-"] as const) {
      if (key.startsWith(prefix)) optionKeys.add(prefix);
    }
    switch (key) {
      case "type":
        type = value.toLowerCase();
        break;
      case "source":
      case "src":
        source = value;
        break;
      case "target":
      case "dst":
      case "destination":
        target = value;
        break;
      case "readonly":
      case "ro":
        readOnly = parseSwitch(key, value);
        break;
      case "consistency":
        break;
      case "bind-propagation":
        if (!propagation.test(value)) throw new Error(`invalid propagation mode: ${value}`);
        break;
      case "bind-nonrecursive":
        if (parseSwitch(key, value)) throw recursive(key);
        break;
      case "bind-recursive":
        if (value === "disabled") throw recursive(field);
        if (!["enabled", "writable", "readonly"].includes(value)) {
          throw new Error(
            `invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
          );
        }
        break;
      case "volume-nocopy":
        if (parseSwitch(key, value)) volume.noCopy = true;
        break;
      case "volume-subpath":
        volume.subpath = value;
        break;
      case "volume-driver":
        volume.driver = value;
        break;
      case "volume-opt":
        addPair(options, value);
        break;
      case "volume-label":
        addPair(labels, value);
        break;
      case "tmpfs-size":
        tmpfs.sizeBytes = memory(key, value);
        break;
      case "tmpfs-mode":
        if (!/^0?[0-7]{1,4}$/.test(value)) throw new Error(`invalid value for ${key}: ${value}`);
        tmpfs.options = [`mode=${value}`];
        break;
      default:
        throw new Error(`unexpected key '${key}' in '${field}'`);
    }
  }
  if (target === undefined || target === "") throw new Error("target is required");
  checkTarget(target);
  for (const prefix of optionKeys) {
    if (optionTypes[prefix] !== type) {
      throw new Error(`cannot mix '${prefix}*' options with mount type '${type}'`);
    }
  }
  const place = { target: posix.normalize(target), readOnly };
  switch (type) {
    case "bind":
      if (source === undefined || source === "") throw new Error("source is required");
      if (!isPath(source)) throw new Error(`source must be a path: ./${source} or an absolute one`);
      return { type, source: resolve(cwd, source), mustExist: true, ...place };
    case "volume":
      return {
        type,
        ...(source ? { name: source } : {}),
        ...volume,
        ...(Object.keys(options).length > 0 ? { options } : {}),
        ...(Object.keys(labels).length > 0 ? { labels } : {}),
        ...place,
      };
    case "tmpfs":
      if (source !== undefined) throw new Error("a tmpfs has no source");
      return { type, ...tmpfs, ...place };
    default:
      throw new Error(`mounts of type "${type}" are not supported: use bind, volume or tmpfs`);
  }
}

function parseSwitch(key: string, value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new Error(`invalid value for ${key}: ${value}`);
}

function memory(key: string, value: string): number {
  try {
    return parseMemory(value);
  } catch {
    throw new Error(`invalid value for ${key}: ${value}`);
  }
}

/** What is mounted inside a directory of the host comes along: a user namespace may not uncover it. */
function recursive(option: string): Error {
  return new Error(`${option} is not supported: mounts inside the source come along`);
}

function addPair(pairs: Record<string, string>, text: string): void {
  const equals = text.indexOf("=");
  if (equals < 0) pairs[text] = "";
  else pairs[text.slice(0, equals)] = text.slice(equals + 1);
}
