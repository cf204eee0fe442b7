/** Flags that `run` and `create` share, and the VM that they describe. */

import { parseMount, parseTmpfs, parseVolume, parseVolumesFrom } from "../../../../docker/mount.ts";
import { wholeCpus } from "../../../../docker/run-options/cpus.ts";
import { parseMemory } from "../../../../docker/sizes.ts";
import type { LogConfig, Mount, VmCreateParams } from "../../../../protocol/index.ts";
import { refuseRemote } from "../../../contexts/endpoint.ts";
import {
  booleanFlag,
  type FlagValues,
  integerFlag,
  listFlag,
  stringFlag,
  textListFlag,
  valueFlag,
} from "../../../flags.ts";
import type { Io } from "../../../io.ts";
import { checkMemory, checkModes, dockerFlags } from "./docker-flags.ts";
import { checkLabel, checkVariable, collectLabels, collectVariables } from "./env-file.ts";
import { guestFlags, guestParams } from "./guest-flags.ts";
import { networkFlags, networkParams } from "./network-flags.ts";
import { policyFlags, policyParams } from "./policy-flags.ts";
import { parseSecret, secretValues } from "./secret-env.ts";

/** @throws Error in Docker's words */
export function parseCpus(text: string): number {
  const value = Number(text);
  if (!/^[0-9.eE+-]+$/.test(text) || Number.isNaN(value)) {
    throw new Error(`failed to parse ${text} as a rational number`);
  }
  return value;
}

function oneOf<const T extends string>(what: string, values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((known) => known === text);
    if (value === undefined) {
      const list = values.map((known) => `"${known}"`);
      throw new Error(`invalid ${what}: must be one of ${list.slice(0, -1).join(", ")} or ${list.at(-1)}`);
    }
    return value;
  };
}

export const createFlags = {
  ...dockerFlags,
  ...guestFlags,
  ...networkFlags,
  ...policyFlags,
  attach: listFlag("a", "list", "Attach to STDIN, STDOUT or STDERR", (text) => {
    const name = text.toLowerCase();
    if (name !== "stdin" && name !== "stdout" && name !== "stderr") {
      throw new Error("valid streams are STDIN, STDOUT and STDERR");
    }
    return name;
  }),
  cidfile: stringFlag(undefined, "Write the container ID to the file"),
  "cpu-period": integerFlag(undefined, "Limit CPU CFS (Completely Fair Scheduler) period"),
  "cpu-quota": integerFlag(undefined, "Limit CPU CFS (Completely Fair Scheduler) quota"),
  cpus: valueFlag(undefined, "decimal", "Number of CPUs", parseCpus),
  entrypoint: stringFlag(undefined, "Overwrite the default ENTRYPOINT of the image"),
  env: listFlag("e", "list", "Set environment variables", checkVariable),
  "env-file": textListFlag(undefined, "Read in a file of environment variables"),
  hostname: stringFlag("h", "Container host name"),
  interactive: booleanFlag("i", "Keep STDIN open even if not attached"),
  label: listFlag("l", "list", "Set meta data on a container", checkLabel),
  "label-file": textListFlag(undefined, "Read in a line delimited file of labels"),
  "log-driver": stringFlag(undefined, "Logging driver for the container"),
  "log-opt": textListFlag(undefined, "Log driver options"),
  memory: valueFlag("m", "bytes", "Memory limit", parseMemory),
  mount: listFlag(undefined, "mount", "Attach a filesystem mount to the container", (text) => {
    parseMount(text, "/");
    return text;
  }),
  name: stringFlag(undefined, "Assign a name to the container"),
  platform: stringFlag(undefined, "Set platform if server is multi-platform capable"),
  pull: stringFlag(undefined, 'Pull image before running ("always", "missing", "never")', "missing"),
  quiet: booleanFlag("q", "Suppress the pull output"),
  rm: booleanFlag(
    undefined,
    "Automatically remove the container and its associated anonymous volumes when it exits",
  ),
  runtime: valueFlag(
    undefined,
    "string",
    'Runtime to use for this container ("auto", "krun", "simulation")',
    oneOf("runtime", ["auto", "krun", "simulation"]),
    '"auto"',
  ),
  "secret-env": textListFlag(
    undefined,
    "Set an environment variable that is not recorded (NAME from the environment, or NAME,src=FILE)",
  ),
  "security-opt": textListFlag(undefined, "Security Options"),
  "stop-signal": stringFlag(undefined, "Signal to stop the container"),
  "stop-timeout": integerFlag(undefined, "Timeout (in seconds) to stop a container"),
  tmpfs: textListFlag(undefined, "Mount a tmpfs directory"),
  tty: booleanFlag("t", "Allocate a pseudo-TTY"),
  user: stringFlag("u", "Username or UID (format: <name|uid>[:<group|gid>])"),
  volume: textListFlag("v", "Bind mount a volume"),
  "volume-driver": stringFlag(undefined, "Optional volume driver for the container"),
  "volumes-from": textListFlag(undefined, "Mount volumes from the specified container(s)"),
  workdir: stringFlag("w", "Working directory inside the container"),
} as const;

export type CreateFlagValues = FlagValues<typeof createFlags>;

const pullPolicies = ["always", "missing", "never"] as const;
export type PullPolicy = (typeof pullPolicies)[number];

/** Throws Error in Docker's words. */
export function pullPolicy(text: string | undefined): PullPolicy {
  const policy = pullPolicies.find((known) => known === (text || "missing"));
  if (policy === undefined) {
    throw new Error(`invalid pull option: '${text}': must be one of "always", "missing" or "never"`);
  }
  return policy;
}

/** `--volume-driver` is of the volumes that `-v` makes. */
function withDriver(mount: Mount, driver: string | undefined): Mount {
  return driver === undefined || mount.type !== "volume" ? mount : { ...mount, driver };
}

/** @throws Error in Docker's words */
function logConfig(driver: string, opts: readonly string[]): LogConfig | undefined {
  if (driver === "" && opts.length === 0) return undefined;
  if (driver === "none" && opts.length > 0) throw new Error(`invalid logging opts for driver ${driver}`);
  const options = opts.map((text): [string, string] => {
    const equals = text.indexOf("=");
    return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
  });
  return { driver, options: Object.fromEntries(options) };
}

const mebibyte = 1024 * 1024;

/** The streams that a client attaches to unless it detaches: those of `-a`, or all. */
export function attachedStreams({ attach, interactive }: CreateFlagValues): Set<string> {
  return new Set(attach.length > 0 ? attach : ["stdout", "stderr", ...(interactive ? ["stdin"] : [])]);
}

/**
 * What `vm/create` is to be asked, with warnings for the user. `attached` are the streams that its creator
 * attaches to. Throws Error in Docker's words, or MockerError.
 */
export function createParams(
  flags: CreateFlagValues,
  given: ReadonlySet<string>,
  args: readonly string[],
  attached: ReadonlySet<string>,
  io: Io,
): { params: VmCreateParams; warnings: string[] } {
  const [image, ...command] = args;
  if (image === undefined || image === "") throw new Error("invalid reference format");
  checkModes(flags);
  checkMemory(flags);
  const warnings: string[] = [];
  const mounts = [
    ...flags.volume.map((text) => withDriver(parseVolume(text, io.cwd), flags["volume-driver"])),
    ...flags.mount.map((text) => parseMount(text, io.cwd)),
    ...flags.tmpfs.map(parseTmpfs),
  ];
  const params: VmCreateParams = {
    image,
    tty: flags.tty,
    openStdin: flags.interactive,
    // Docker's StdinOnce: the input ends with the client that was attached to give it.
    ...(flags.interactive && attached.has("stdin") ? { stdinOnce: true } : {}),
    autoRemove: flags.rm,
  };
  if (flags.name) params.name = flags.name;
  if (flags.platform) params.platform = flags.platform;
  if (command.length > 0) params.command = command;
  // `--entrypoint ""` clears the image's, and its arguments.
  if (flags.entrypoint !== undefined) params.entrypoint = [flags.entrypoint];
  const env = collectVariables(flags["env-file"], flags.env, io.env);
  if (env.length > 0) params.env = env;
  const secrets = flags["secret-env"].map((text) => parseSecret(text, io.cwd));
  const fromFile = secrets.find(({ file }) => file !== undefined);
  if (fromFile) {
    const what = `--secret-env ${fromFile.name},src=… names a file that the engine reads at every start`;
    refuseRemote(io.env, what, `Give the value in the environment: --secret-env ${fromFile.name}`);
  }
  if (secrets.length > 0) {
    params.secretEnv = secrets;
    params.secretValues = secretValues(secrets, io.env);
  }
  if (flags.workdir) params.workingDir = flags.workdir;
  if (flags.user) params.user = flags.user;
  if (flags.hostname) params.hostname = flags.hostname;
  if (mounts.length > 0) params.mounts = mounts;
  for (const text of flags["volumes-from"]) parseVolumesFrom(text);
  if (flags["volumes-from"].length > 0) params.volumesFrom = [...flags["volumes-from"]];
  const { cpus = 0, "cpu-period": periodUs = 0, "cpu-quota": quotaUs = 0 } = flags;
  const whole = wholeCpus({ cpus, periodUs, quotaUs });
  if (whole.cpus !== undefined) params.cpus = whole.cpus;
  if (whole.warning !== undefined) warnings.push(whole.warning);
  if (flags.memory !== undefined && flags.memory !== 0) params.memoryMiB = Math.ceil(flags.memory / mebibyte);
  if (flags.runtime !== undefined) params.runtime = flags.runtime;
  Object.assign(params, networkParams(flags), guestParams(flags), policyParams(flags));
  if (given.has("label") || given.has("label-file")) {
    params.labels = collectLabels(flags["label-file"], flags.label);
  }
  if (flags["security-opt"].length > 0) params.securityOpt = [...flags["security-opt"]];
  const log = logConfig(flags["log-driver"] ?? "", flags["log-opt"]);
  if (log) params.log = log;
  if (flags["stop-signal"]) params.stopSignal = flags["stop-signal"];
  if (flags["stop-timeout"] !== undefined) params.stopTimeoutSeconds = flags["stop-timeout"];
  return { params, warnings };
}
