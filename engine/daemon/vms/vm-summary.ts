import { defaultLogConfig } from "../../docker/log-config.ts";
import { noRestart } from "../../docker/run-options/restart-policy.ts";
import { asksForWeakJail } from "../../docker/run-options/security-options.ts";
import { statusText } from "../../docker/status.ts";
import type { VmEndpoint, VmPort } from "../../protocol/network.ts";
import type { Health, JailLayer, Mount, VmDetails, VmState, VmSummary } from "../../protocol/vm.ts";
import { attachmentsOf } from "../networks/attachments.ts";
import type { Endpoint } from "../networks/endpoint.ts";
import type { VmConfig, VmExitRecord, VmFiles } from "./records/vm-record.ts";

/** What a VM is doing now, besides its configuration. */
export interface VmRuntimeState {
  state: VmState;
  running: boolean;
  startedAt: string | undefined;
  /** How it ended last. */
  exit: VmExitRecord | undefined;
  /** Of its monitor; 0 if there is none. */
  pid: number;
  /** As far as its agent has told. */
  guestKernelVersion: string | undefined;
  /** 0 in the simulation, which boots nothing. */
  bootMs: number | undefined;
  /** What contains its process, as far as that has told. */
  jail: readonly JailLayer[] | undefined;
  /** Its ends in its networks; undefined while it does not run. */
  connection: { endpoints: readonly Endpoint[]; ports: readonly VmPort[] } | undefined;
  restartCount: number;
  /** What its health check has told of its last start. */
  health: Health | undefined;
}

/** A VM as lists show it. */
export function summaryOf(config: VmConfig, runtime: VmRuntimeState): VmSummary {
  const { state, startedAt } = runtime;
  const status = statusText(
    {
      state,
      startedAt,
      finishedAt: runtime.exit?.finishedAt,
      exitCode: runtime.exit?.exitCode,
      health: runtime.health?.status,
    },
    Date.now(),
  );
  const exit = runtime.running ? undefined : runtime.exit;
  return {
    id: config.id,
    name: config.name,
    image: config.image,
    imageId: config.imageId,
    command: [...config.entrypoint, ...config.cmd],
    createdAt: config.createdAt,
    state,
    status: `${status}${mark(config, runtime)}`,
    runtime: config.runtime,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(exit === undefined ? {} : { finishedAt: exit.finishedAt, exitCode: exit.exitCode }),
    ...(exit?.oomKilled === true ? { oomKilled: true } : {}),
    ...(exit === undefined || exit.message === "" ? {} : { reason: exit.message }),
    ...(runtime.health === undefined ? {} : { healthStatus: runtime.health.status }),
    memoryMiB: config.memoryMiB,
    ...(runtime.bootMs ? { bootMs: runtime.bootMs } : {}),
    labels: config.labels,
    mounts: config.mounts,
    networks: networkNames(config),
    ports: config.network.mode === "none" ? [] : [...(runtime.connection?.ports ?? [])],
  };
}

/** A VM as it is inspected; `volumePath` tells where a volume's data is. */
export function detailsOf(
  config: VmConfig,
  files: VmFiles,
  runtime: VmRuntimeState,
  volumePath: (name: string) => string | undefined,
): VmDetails {
  const { guestKernelVersion, jail } = runtime;
  return {
    ...summaryOf(config, runtime),
    mounts: config.mounts.map((mount) => withSource(mount, volumePath)),
    config: {
      hostname: config.hostname,
      env: config.env,
      secretEnv: config.secretEnv ?? [],
      workingDir: config.workingDir,
      user: config.user,
      tty: config.tty,
      openStdin: config.openStdin,
      stdinOnce: config.stdinOnce ?? config.openStdin,
      entrypoint: config.entrypoint,
      cmd: config.cmd,
      autoRemove: config.autoRemove,
      cpus: config.cpus,
      memoryMiB: config.memoryMiB,
      network: config.network,
      domainname: config.domainname,
      dns: config.dns,
      extraHosts: config.extraHosts,
      exposedPorts: config.exposedPorts,
      publishAll: config.publishAll,
      ports: config.ports,
      securityOpt: config.securityOpt ?? [],
      log: config.log ?? defaultLogConfig,
      stopSignal: config.stopSignal,
      stopTimeoutSeconds: config.stopTimeoutSeconds,
      restart: config.restart ?? noRestart,
      ...(config.healthcheck === undefined ? {} : { healthcheck: config.healthcheck }),
      guest: config.guest ?? {},
      annotations: config.annotations ?? {},
    },
    restartCount: runtime.restartCount,
    ...(runtime.health === undefined ? {} : { health: runtime.health }),
    endpoints: endpointsOf(config, runtime.connection?.endpoints ?? []),
    pid: runtime.pid,
    ...(guestKernelVersion === undefined ? {} : { guestKernelVersion }),
    ...(jail === undefined ? {} : { jail: [...jail] }),
    logPath: files.logPath,
    stateDir: files.dir,
  };
}

/** What a list says of a VM that is contained by less than others. */
function mark(config: VmConfig, runtime: VmRuntimeState): string {
  if (config.runtime === "simulation") return " (simulation)";
  return isWeaklyJailed(config, runtime) ? " (weak jail)" : "";
}

/** Whether a VM may run, or runs, without a root of its own on the host. */
export function isWeaklyJailed(config: VmConfig, { jail }: Pick<VmRuntimeState, "jail">): boolean {
  if (config.runtime === "simulation" || !asksForWeakJail(config.securityOpt)) return false;
  return !jail?.some(({ name, on }) => name === "own root" && on);
}

/** As Docker has them, where `none` is a network. */
function networkNames({ network }: VmConfig): string[] {
  return network.mode === "networks" ? network.attachments.map((one) => one.network) : [network.mode];
}

function endpointsOf({ network }: VmConfig, live: readonly Endpoint[]): VmEndpoint[] {
  // Its own passt is a VM's only network, of which nothing is known before it starts.
  const attachments = network.mode === "passt" ? [{ network: "passt" }] : attachmentsOf(network);
  return attachments.map(({ network: name, aliases, links, address, mac }) => {
    const endpoint = live.find((one) => one.network === name);
    return {
      network: name,
      networkId: endpoint?.networkId ?? "",
      aliases: aliases ?? [],
      links: links ?? [],
      ...(address === undefined ? {} : { wantedAddress: address }),
      ...(mac === undefined ? {} : { wantedMac: mac }),
      ...(endpoint && liveEndpoint(endpoint)),
    };
  });
}

function liveEndpoint(endpoint: Endpoint): Partial<VmEndpoint> {
  const { endpointId, address, prefixLength, gateway, mac, names, problem } = endpoint;
  const live = { endpointId, address, prefixLength, gateway, mac, names };
  return problem === undefined ? live : { ...live, problem };
}

function withSource(mount: Mount, volumePath: (name: string) => string | undefined): Mount {
  if (mount.type !== "volume" || mount.name === undefined) return mount;
  const source = volumePath(mount.name);
  return source === undefined ? mount : { ...mount, source };
}
