/** Builds the guest agent's `configure`, `start` and `exec` requests. */
import { randomBytes } from "node:crypto";
import { securityOptions } from "../../docker/run-options/security-options.ts";
import type { GuestOptions, VmExecParams } from "../../protocol/vm.ts";
import type { Connection } from "../networks/connection.ts";
import { guestLimits, processPrivileges } from "./guest-options.ts";
import type { GuestConfiguration, GuestProcess } from "./machine/agent-protocol.ts";
import { guestDns } from "./machine/guest-dns.ts";
import { baseEnv, mergeEnv } from "./process-env.ts";
import { checkProcessSize } from "./process-limits.ts";
import type { VmConfig } from "./records/vm-record.ts";
import type { PreparedVm } from "./runtimes/runtime.ts";

export interface TerminalSize {
  rows: number;
  columns: number;
}

export const defaultTerminal: TerminalSize = { rows: 24, columns: 80 };

/** What the guest is told of its networks. */
export type GuestNetwork = Pick<GuestConfiguration, "domainname" | "interfaces" | "dns" | "hosts">;

/** That of a VM, by its cards; without cards as the host's. */
export function guestNetwork(config: VmConfig, connection: Connection): GuestNetwork {
  const { dns, domainname, extraHosts } = config;
  const host = guestDns();
  const interfaces = connection.interfaces();
  const search = dns.search ?? host.search;
  return {
    ...(domainname === "" ? {} : { domainname }),
    interfaces,
    dns: {
      servers: interfaces.length > 0 ? connection.nameservers(dns) : (dns.servers ?? host.servers),
      // Docker's word for no search domains at all.
      search: search.filter((domain) => domain !== "."),
      options: dns.options ?? host.options,
    },
    hosts: connection.hosts(extraHosts),
  };
}

/** That of a helper machine. */
export const noGuestNetwork: GuestNetwork = { dns: { servers: [], search: [], options: [] }, hosts: [] };

/** `disposable`: nothing that is written in the guest, outside volumes, is wanted after its end. */
export function guestConfiguration(
  { rootfs, mounts }: PreparedVm,
  guest: GuestNetwork & Pick<GuestConfiguration, "hostname" | "disposable">,
  options: GuestOptions = {},
): GuestConfiguration {
  return { ...guest, ...guestLimits(options), rootfs, mounts, timeUnixNs: Date.now() * 1e6 };
}

/** `secretEnv`: `KEY=value` of each, which {@link VmConfig.env} has not. */
export function mainProcess(
  config: VmConfig,
  secretEnv: readonly string[],
  size: TerminalSize,
): GuestProcess {
  const argv = [...config.entrypoint, ...config.cmd];
  const env = mergeEnv(baseEnv(config, config.tty), config.env, secretEnv);
  checkProcessSize(argv, env);
  return {
    stream: "main",
    argv,
    env,
    cwd: config.workingDir,
    user: config.user,
    tty: config.tty,
    rows: size.rows,
    cols: size.columns,
    stdin: config.openStdin,
    ...privileges(config),
  };
}

function privileges(
  { securityOpt = [], guest }: VmConfig,
  privileged = guest?.privileged ?? false,
): Partial<GuestProcess> {
  return {
    ...(securityOptions(securityOpt).noNewPrivileges ? { noNewPrivileges: true } : {}),
    ...processPrivileges(guest, privileged),
  };
}

/** The main process of a helper machine, which does nothing until it is ended. */
export function idleProcess(): GuestProcess {
  return {
    stream: "main",
    argv: ["idle"],
    env: [],
    cwd: "/",
    user: "",
    tty: false,
    rows: defaultTerminal.rows,
    cols: defaultTerminal.columns,
    stdin: false,
    idle: true,
  };
}

/**
 * An exec with a new id. Absent members are the VM's, as in Docker. `secretEnv` as in {@link mainProcess}.
 * @throws INVALID_ARGUMENT
 */
export function execProcess(
  config: VmConfig,
  secretEnv: readonly string[],
  params: VmExecParams,
): GuestProcess {
  const tty = params.tty ?? false;
  const env = mergeEnv(baseEnv(config, tty), config.env, secretEnv, params.env ?? []);
  checkProcessSize(params.command, env);
  return {
    stream: randomBytes(32).toString("hex"),
    argv: params.command,
    env,
    cwd: params.workingDir ?? config.workingDir,
    user: params.user ?? config.user,
    tty,
    rows: params.rows ?? defaultTerminal.rows,
    cols: params.columns ?? defaultTerminal.columns,
    stdin: params.openStdin ?? false,
    detach: params.detach ?? false,
    ...privileges(config, params.privileged ?? config.guest?.privileged),
  };
}
