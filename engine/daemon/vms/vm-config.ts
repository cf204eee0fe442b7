import { randomBytes } from "node:crypto";
import { cpus } from "node:os";
import { defaultLogConfig, logLimits } from "../../docker/log-config.ts";
import { defaultCpus, defaultMemoryMiB } from "../../docker/run-options/default-resources.ts";
import { checkHealthcheck, mergeHealthcheck } from "../../docker/run-options/healthcheck.ts";
import { checkRestartPolicy } from "../../docker/run-options/restart-policy.ts";
import { signalNumber } from "../../docker/signals.ts";
import type { RuntimeName } from "../../protocol/engine.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { ImageDetails, ImageRunConfig } from "../../protocol/image.ts";
import type {
  LogConfig,
  Mount,
  Network,
  PortBinding,
  SecretVariable,
  VmCreateParams,
} from "../../protocol/vm.ts";
import { mergeEnv } from "./process-env.ts";
import { checkProcessSize } from "./process-limits.ts";
import type { VmConfig } from "./records/vm-record.ts";

const minimumMemoryMiB = 64;

export interface VmConfigOptions {
  image: ImageDetails;
  name: string;
  runtime: RuntimeName;
  /** Those of the params that have been checked. */
  mounts: readonly Mount[];
  network: Network;
  ports: readonly PortBinding[];
  now: Date;
}

/**
 * Merges what the user asked for with the image's configuration, by Docker's rules. INVALID_ARGUMENT names
 * what is wrong.
 */
export function makeVmConfig(
  params: VmCreateParams,
  { image, name, runtime, mounts, network, ports, now }: VmConfigOptions,
): VmConfig {
  const id = randomBytes(32).toString("hex");
  const command = resolveCommand(params, image.config);
  const tty = params.tty ?? false;
  const hostname = params.hostname ?? id.slice(0, 12);
  if (!/^[A-Za-z0-9]([A-Za-z0-9.-]{0,62})$/.test(hostname)) {
    throw new MockerError("INVALID_ARGUMENT", `invalid hostname: ${hostname}`, {
      hint: "A hostname has at most 63 letters, digits, dots and hyphens.",
    });
  }
  const stopSignal = params.stopSignal ?? (image.config.stopSignal || "SIGTERM");
  signalNumber(stopSignal);
  const secretEnv = secretVariables(params.secretEnv ?? []);
  const isSecret = (assignment: string): boolean =>
    secretEnv.some(({ name }) => assignment.startsWith(`${name}=`));
  const own = params.env ?? [];
  const isOwn = (assignment: string): boolean =>
    own.some((text) => text.split("=", 1)[0] === assignment.split("=", 1)[0]);
  // In Docker's order: the image's come last.
  const all = mergeEnv(
    own,
    image.config.env.filter((assignment) => !isOwn(assignment)),
  );
  const env = all.filter((assignment) => !isSecret(assignment));
  checkProcessSize([...command.entrypoint, ...command.cmd], env);
  return {
    version: 3,
    id,
    name,
    image: params.image,
    imageId: image.id,
    createdAt: now.toISOString(),
    runtime,
    ...(params.runtime === "simulation" ? { hostIds: true } : {}),
    ...command,
    env,
    ...(secretEnv.length === 0 ? {} : { secretEnv }),
    workingDir: absolute(params.workingDir) ?? (image.config.workingDir || "/"),
    user: params.user ?? image.config.user,
    hostname,
    tty,
    openStdin: params.openStdin ?? false,
    stdinOnce: params.stdinOnce ?? false,
    autoRemove: params.autoRemove ?? false,
    mounts: [...mounts],
    cpus: cpuCount(params.cpus),
    memoryMiB: memory(params.memoryMiB),
    network,
    domainname: params.domainname ?? "",
    dns: params.dns ?? {},
    extraHosts: params.extraHosts ?? [],
    exposedPorts: exposedPorts(image.config, params, ports),
    publishAll: params.publishAll ?? false,
    ports: [...ports],
    securityOpt: params.securityOpt ?? [],
    labels: { ...image.config.labels, ...params.labels },
    log: logConfig(params.log),
    stopSignal,
    stopTimeoutSeconds: params.stopTimeoutSeconds ?? 10,
    ...policies(params, image.config),
    ...(params.guest === undefined ? {} : { guest: params.guest }),
    ...(params.annotations === undefined ? {} : { annotations: params.annotations }),
  };
}

function policies(
  { restart, healthcheck, autoRemove }: VmCreateParams,
  image: ImageRunConfig,
): Pick<VmConfig, "restart" | "healthcheck"> {
  if (restart) checkRestartPolicy(restart);
  const isRestarted = restart !== undefined && restart.name !== "no";
  if (isRestarted && autoRemove) {
    throw new MockerError("INVALID_ARGUMENT", "can't create 'AutoRemove' container with restart policy");
  }
  if (healthcheck) checkHealthcheck(healthcheck);
  const check = mergeHealthcheck(image.healthcheck, healthcheck);
  return { ...(isRestarted ? { restart } : {}), ...(check === undefined ? {} : { healthcheck: check }) };
}

function logConfig(wanted: LogConfig = defaultLogConfig): LogConfig {
  const log = { ...wanted, driver: wanted.driver || defaultLogConfig.driver };
  logLimits(log);
  return log;
}

/** As in Docker, a port that is published is exposed too. */
function exposedPorts(
  image: ImageRunConfig,
  params: VmCreateParams,
  published: readonly PortBinding[],
): string[] {
  const bound = published.map(({ guestPort, protocol }) => `${guestPort}/${protocol}`);
  return [...new Set([...image.exposedPorts, ...(params.exposedPorts ?? []), ...bound])];
}

/**
 * Docker's rule: an entry point given by the user also drops the image's default arguments, but for one of no
 * words at all.
 */
function resolveCommand(
  params: VmCreateParams,
  image: ImageRunConfig,
): { entrypoint: string[]; cmd: string[] } {
  const entrypoint = (params.entrypoint ?? image.entrypoint).filter(
    (word, index) => index > 0 || word !== "",
  );
  const given = params.command ?? [];
  const hasOwnEntrypoint = (params.entrypoint ?? []).length > 0;
  const cmd = given.length > 0 || hasOwnEntrypoint ? given : image.cmd;
  if (entrypoint.length + cmd.length === 0) {
    throw new MockerError("INVALID_ARGUMENT", "no command specified", {
      hint: "The image names no command: give one after the image.",
    });
  }
  for (const word of [...entrypoint, ...cmd]) {
    if (word.includes("\0")) throw new MockerError("INVALID_ARGUMENT", "the command holds a NUL byte");
  }
  return { entrypoint, cmd };
}

/** The last of a name counts. */
function secretVariables(secrets: readonly SecretVariable[]): SecretVariable[] {
  for (const { name, file } of secrets) {
    // Such a name may hold a value that was meant to be secret.
    if (!/^[^=\0]+$/.test(name))
      throw new MockerError("INVALID_ARGUMENT", "invalid name of a secret variable");
    if (file !== undefined && !file.startsWith("/")) {
      throw new MockerError("INVALID_ARGUMENT", `the file of secret ${name} needs to be an absolute path`);
    }
  }
  return [...new Map(secrets.map((secret) => [secret.name, secret])).values()];
}

function absolute(workingDir: string | undefined): string | undefined {
  if (workingDir === undefined || workingDir === "") return undefined;
  if (!workingDir.startsWith("/")) {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `the working directory '${workingDir}' is invalid, it needs to be an absolute path`,
    );
  }
  return workingDir;
}

/** A VM has whole virtual CPUs: fractions round up. @throws INVALID_ARGUMENT in Docker's words */
export function cpuCount(wanted: number | undefined): number {
  const available = cpus().length;
  if (wanted === undefined) return defaultCpus(available);
  if (!(wanted > 0) || wanted > available) {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `range of CPUs is from 0.01 to ${available}.00, as there are only ${available} CPUs available`,
    );
  }
  return Math.ceil(wanted);
}

/** In MiB. @throws INVALID_ARGUMENT in Docker's words */
export function memory(wanted: number | undefined): number {
  if (wanted === undefined) return defaultMemoryMiB;
  if (!Number.isFinite(wanted) || wanted < minimumMemoryMiB) {
    throw new MockerError("INVALID_ARGUMENT", `Minimum memory limit allowed is ${minimumMemoryMiB}MB`);
  }
  return Math.ceil(wanted);
}
