/** What the records in a VM's directory are made of: files that anything may have happened to. */
import * as v from "valibot";
import { MockerError } from "../../../protocol/errors.ts";
import { Mount } from "../../../protocol/params/mount.ts";
import { Dns, Network, PortBinding } from "../../../protocol/params/network.ts";
import { finiteNumber, labels, strings } from "../../../protocol/params/schema.ts";
import { LogConfig, SecretVariable } from "../../../protocol/params/vm.ts";

const id = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const time = v.pipe(
  v.string(),
  v.check((text) => !Number.isNaN(Date.parse(text)), "a time"),
);
const whole = v.pipe(v.number(), v.safeInteger());

/** Of today's version. */
export const configShape = v.object({
  version: v.literal(3),
  id,
  name: v.pipe(v.string(), v.minLength(1)),
  image: v.string(),
  imageId: v.string(),
  createdAt: time,
  runtime: v.string(),
  hostIds: v.exactOptional(v.boolean()),
  entrypoint: strings,
  cmd: strings,
  env: strings,
  secretEnv: v.exactOptional(v.array(SecretVariable)),
  workingDir: v.string(),
  user: v.string(),
  hostname: v.string(),
  tty: v.boolean(),
  openStdin: v.boolean(),
  stdinOnce: v.exactOptional(v.boolean()),
  autoRemove: v.boolean(),
  mounts: v.array(Mount),
  cpus: finiteNumber,
  memoryMiB: finiteNumber,
  network: Network,
  domainname: v.string(),
  dns: Dns,
  extraHosts: strings,
  exposedPorts: strings,
  publishAll: v.boolean(),
  ports: v.array(PortBinding),
  securityOpt: v.exactOptional(strings),
  labels,
  log: v.exactOptional(LogConfig),
  stopSignal: v.string(),
  stopTimeoutSeconds: finiteNumber,
});

export const exitShape = v.object({
  version: v.literal(1),
  exitCode: whole,
  signal: v.nullable(whole),
  reason: v.picklist(["exited", "vm-died", "boot-failed", "start-failed", "vmm-killed", "jail-refused"]),
  message: v.string(),
  oomKilled: v.exactOptional(v.boolean()),
  startedAt: v.nullable(time),
  finishedAt: time,
});

export const runtimeShape = v.object({
  version: v.literal(1),
  pid: v.pipe(whole, v.minValue(1)),
  startTimeTicks: whole,
  runDir: v.exactOptional(v.string()),
  startedAt: time,
});

export const networkShape = v.object({
  version: v.literal(1),
  endpoints: v.array(
    v.object({
      network: v.string(),
      networkId: v.string(),
      endpointId: v.string(),
      mac: v.string(),
      address: v.string(),
      prefixLength: whole,
      gateway: v.string(),
      mtu: whole,
      isDefaultRoute: v.boolean(),
      names: strings,
      ports: v.array(v.looseObject({})),
    }),
  ),
});

/**
 * Returns `record` when it has the shape, with members that only newer Mockers know.
 * @throws STATE_CORRUPT that names the first member that is wrong
 */
export function checkShape<T extends object>(shape: v.GenericSchema, record: T, path: string): T {
  const result = v.safeParse(shape, record, { abortEarly: true });
  if (result.success) return record;
  const [{ path: keys = [], message }] = result.issues;
  const member = keys.map(({ key }) => String(key)).join(".");
  throw new MockerError(
    "STATE_CORRUPT",
    `${path} is damaged: ${member === "" ? "" : `${member}: `}${message}`,
  );
}
