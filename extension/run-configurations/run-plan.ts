/** From a run configuration to what the engine is asked for, and to what one would type. */
import { basename, isAbsolute, join, normalize, posix } from "node:path";
import { networkOf } from "../../engine/docker/network-options.ts";
import { parsePublish } from "../../engine/docker/ports.ts";
import type { Mount, NetworkMode, VmCreateParams } from "../../engine/protocol/index.ts";
import type { RunConfiguration, RunVolume } from "./run-configuration.ts";

export interface PlanContext {
  /** Absent without a workspace. */
  workspaceFolder: string | undefined;
  userHome: string;
}

/**
 * Replaces `${workspaceFolder}`, `${workspaceFolderBasename}` and `${userHome}`, and makes the path absolute.
 */
export function resolvePath(path: string, { workspaceFolder, userHome }: PlanContext): string {
  const replaced = path
    .replaceAll(/\$\{workspaceFolder\}/g, () => workspaceFolder ?? "")
    .replaceAll(/\$\{workspaceFolderBasename\}/g, () => basename(workspaceFolder ?? ""))
    .replaceAll(/\$\{userHome\}/g, () => userHome)
    .replace(/^~(?=\/|$)/, () => userHome);
  return normalize(isAbsolute(replaced) ? replaced : join(workspaceFolder ?? userHome, replaced));
}

/** A folder's path as the file names it: what lies in the workspace is named from there. */
export function portablePath(path: string, { workspaceFolder }: PlanContext): string {
  if (workspaceFolder === undefined) return path;
  if (path === workspaceFolder) return `\${workspaceFolder}`;
  return path.startsWith(`${workspaceFolder}/`)
    ? `\${workspaceFolder}${path.slice(workspaceFolder.length)}`
    : path;
}

/** Where a folder goes in the VM unless one says otherwise: under its own name, which is not taken yet. */
export function suggestTarget(source: string, taken: readonly string[], isWorkspace: boolean): string {
  const name = basename(source) || "data";
  const base = isWorkspace ? posix.join("/workspaces", name) : posix.join("/mnt", name);
  let target = base;
  for (let number = 2; taken.includes(target); number++) target = `${base}-${number}`;
  return target;
}

export function mountOf({ type, source, target, readOnly }: RunVolume, context: PlanContext): Mount {
  const place = { target: posix.normalize(target), readOnly: readOnly ?? false };
  if (type === "volume") return { type, ...(source ? { name: source } : {}), ...place };
  return { type: "bind", source: resolvePath(source ?? "", context), ...place };
}

export interface Defaults {
  cpus: number;
  memoryMiB: number;
  runtime: "auto" | "krun" | "simulation";
  network: NetworkMode;
  autoRemove: boolean;
}

/**
 * The VM of a configuration. `fileEnv` are the variables of its files, `KEY=value`, `secrets` the values of
 * its secrets; of one name the last counts: files, then `env`, then secrets. Zero CPUs or memory leave it to
 * the engine.
 */
export function createParams(
  configuration: RunConfiguration,
  options: {
    context: PlanContext;
    defaults: Defaults;
    fileEnv: readonly string[];
    secrets: Readonly<Record<string, string>>;
    labels?: Readonly<Record<string, string>>;
  },
): VmCreateParams {
  const { context, defaults } = options;
  const { command, entrypoint, vmName, workingDir, user, hostname, volumes, ports } = configuration;
  const ownEnv = Object.entries(configuration.env ?? {}).map(([key, value]) => `${key}=${value}`);
  const env = [...options.fileEnv, ...ownEnv];
  const secretEnv = Object.keys(options.secrets).map((name) => ({ name }));
  const cpus = configuration.cpus ?? defaults.cpus;
  const memoryMiB = configuration.memoryMiB ?? defaults.memoryMiB;
  return {
    image: configuration.image,
    tty: true,
    openStdin: true,
    autoRemove: configuration.autoRemove ?? defaults.autoRemove,
    runtime: configuration.runtime ?? defaults.runtime,
    network: networkOf({ network: configuration.network ?? defaults.network }),
    ...(vmName ? { name: vmName } : {}),
    ...(command ? { command } : {}),
    ...(entrypoint ? { entrypoint } : {}),
    ...(workingDir ? { workingDir } : {}),
    ...(user ? { user } : {}),
    ...(hostname ? { hostname } : {}),
    ...(ports?.length ? { ports: ports.flatMap(parsePublish) } : {}),
    ...(volumes?.length ? { mounts: volumes.map((volume) => mountOf(volume, context)) } : {}),
    ...(env.length > 0 ? { env } : {}),
    ...(secretEnv.length > 0 ? { secretEnv, secretValues: { ...options.secrets } } : {}),
    ...(cpus > 0 ? { cpus } : {}),
    ...(memoryMiB > 0 ? { memoryMiB } : {}),
    ...(options.labels === undefined ? {} : { labels: { ...options.labels } }),
  };
}

/**
 * The configuration as a `mocker run` command for a POSIX shell. Secrets come from the shell's environment.
 */
export function commandLine(
  configuration: RunConfiguration,
  context: PlanContext,
  defaults: Defaults,
): string {
  const args = ["mocker", "run", "-it"];
  const { vmName, ports, volumes, envFiles, env, secrets, workingDir, user, hostname, entrypoint, command } =
    configuration;
  if (configuration.autoRemove ?? defaults.autoRemove) args.push("--rm");
  if (vmName) args.push("--name", vmName);
  for (const port of ports ?? []) args.push("-p", port);
  for (const volume of volumes ?? []) args.push(...volumeArgs(mountOf(volume, context)));
  for (const file of envFiles ?? []) args.push("--env-file", resolvePath(file, context));
  for (const [key, value] of Object.entries(env ?? {})) args.push("-e", `${key}=${value}`);
  for (const key of secrets ?? []) args.push("--secret-env", key);
  const cpus = configuration.cpus ?? defaults.cpus;
  const memoryMiB = configuration.memoryMiB ?? defaults.memoryMiB;
  if (cpus > 0) args.push("--cpus", String(cpus));
  if (memoryMiB > 0) args.push("-m", `${memoryMiB}m`);
  const runtime = configuration.runtime ?? defaults.runtime;
  if (runtime !== "auto") args.push("--runtime", runtime);
  const network = configuration.network ?? defaults.network;
  if (network !== "bridge") args.push("--network", network);
  if (workingDir) args.push("-w", workingDir);
  if (user) args.push("-u", user);
  if (hostname) args.push("-h", hostname);
  // The flag takes one word; the rest of an entry point are the first arguments.
  if (entrypoint) args.push("--entrypoint", entrypoint[0] ?? "");
  args.push(configuration.image, ...(entrypoint?.slice(1) ?? []), ...(command ?? []));
  return args.map(quote).join(" ");
}

/** `-v` cuts at colons; a path that has one needs `--mount`. */
function volumeArgs(mount: Mount): string[] {
  const { type, target, readOnly } = mount;
  const source = (type === "bind" ? mount.source : type === "volume" ? mount.name : undefined) ?? "";
  if (source === "" && !readOnly) return ["-v", target];
  if (source !== "" && !source.includes(":") && !target.includes(":")) {
    return ["-v", `${source}:${target}${readOnly ? ":ro" : ""}`];
  }
  const from = source === "" ? "" : `source=${source},`;
  return ["--mount", `type=${type},${from}target=${target}${readOnly ? ",readonly" : ""}`];
}

/** One word of a POSIX shell. */
export function quote(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Splits what one types as a command into words, as a POSIX shell would, without expanding anything. */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  const pattern = /\s+|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)|(.)/gsu;
  for (const [whole, single, double, escaped, plain, stray] of text.matchAll(pattern)) {
    if (stray !== undefined) return undefined;
    if (/^\s+$/.test(whole) && escaped === undefined && single === undefined && double === undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word = (word ?? "") + (single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? plain ?? "");
  }
  if (word !== undefined) words.push(word);
  return words;
}
