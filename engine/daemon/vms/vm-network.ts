/** A VM's networks and ports, as it is created and as they are changed later. */
import { isIP } from "node:net";
import { parseExtraHost, parseLink } from "../../docker/network-options.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { Network, NetworkAttachment, PortBinding, VmCreateParams } from "../../protocol/vm.ts";
import { attachmentsOf } from "../networks/attachments.ts";
import type { Networks } from "../networks/networks.ts";
import { findPasst } from "../networks/passt.ts";
import type { Vm } from "./vm.ts";

/** As many cards as a VM has room for, beside its disks and shares. */
const maxCards = 8;

/**
 * The network and ports of a VM that is to be created. Ports of one that has no way in are left out, with a
 * warning; a VM that nobody asked a network for has none where it can have no card (`cardsProblem` says why).
 * @throws NETWORK_NOT_FOUND, INVALID_ARGUMENT
 */
export async function chooseNetwork(
  params: VmCreateParams,
  networks: Networks,
  cardsProblem: string | undefined,
): Promise<{ network: Network; ports: PortBinding[]; warnings: string[] }> {
  const ports = params.ports ?? [];
  for (const port of ports) checkPort(port);
  for (const host of params.extraHosts ?? []) checkHost(host);
  const isPublishing = ports.length > 0 || params.publishAll === true;
  if (cardsProblem !== undefined && params.network === undefined && !isPublishing) {
    const warning = `no network: ${cardsProblem} (see: mocker doctor)`;
    return { network: { mode: "none" }, ports, warnings: [warning] };
  }
  if (params.network?.mode === "passt") findPasst();
  const { network, warnings } = await networks.choose(params.network);
  const attachments = attachmentsOf(network);
  if (attachments.length > maxCards)
    throw invalid(`a VM can be in at most ${maxCards} networks, not ${attachments.length}`);
  if (network.mode === "tsi" && isPublishing) {
    throw invalid(
      "ports cannot be published with --network tsi",
      "Leave --network out: the default network publishes ports.",
    );
  }
  if (!isPublishing) return { network, ports, warnings };
  if (network.mode === "passt") return { network, ports, warnings };
  if (network.mode === "none")
    return { network, ports: [], warnings: ["Published ports are discarded when using none network mode"] };
  const all = await Promise.all(attachments.map((one) => networks.resolve(one.network)));
  if (all.every(({ record }) => record.internal)) {
    const names = all.map(({ name }) => name).join(", ");
    return { network, ports, warnings: [...warnings, `Published ports are discarded: ${names} is internal`] };
  }
  return { network, ports, warnings };
}

/**
 * As in Docker, links of the default network alone must lead to a VM from the first; `find` throws for what
 * is none. @throws VM_NOT_FOUND
 */
export function checkLinks(network: Network, find: (vm: string) => unknown): void {
  for (const { network: name, links = [] } of attachmentsOf(network)) {
    if (name !== "bridge") continue;
    for (const wanted of links.map((link) => parseLink(link).vm)) {
      try {
        find(wanted);
      } catch (error) {
        if (!(error instanceof MockerError)) throw error;
        const message = `could not get container for ${wanted}: ${error.message}`;
        throw new MockerError(error.code, message, { hint: error.hint });
      }
    }
  }
}

function checkPort({ guestPort, hostPort, hostPortEnd, hostAddress }: PortBinding): void {
  const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65535;
  if (!isPort(guestPort) || guestPort === 0) throw invalid(`invalid containerPort: ${guestPort}`);
  for (const port of [hostPort, hostPortEnd]) {
    if (port !== undefined && !isPort(port)) throw invalid(`invalid hostPort: ${port}`);
  }
  if (hostAddress !== undefined && hostAddress !== "" && isIP(hostAddress) === 0)
    throw invalid(`invalid IP address: ${hostAddress}`);
}

function checkHost(text: string): void {
  try {
    parseExtraHost(text);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
}

export function isAttached(network: Network, name: string): boolean {
  return attachmentsOf(network).some((one) => one.network === name);
}

/** A VM's network with one more, or with one as it is to be from now on. */
export function withNetwork(network: Network, attachment: NetworkAttachment): Network {
  if (network.mode === "tsi" || network.mode === "passt") {
    throw invalid(
      `a VM with --network ${network.mode} cannot be connected to networks`,
      "Create it anew, with --network NAME.",
    );
  }
  const known = attachmentsOf(network);
  const isKnown = known.some((one) => one.network === attachment.network);
  const attachments = isKnown
    ? known.map((one) => (one.network === attachment.network ? attachment : one))
    : [...known, attachment];
  if (attachments.length > maxCards) throw invalid(`a VM can be in at most ${maxCards} networks`);
  return { mode: "networks", attachments };
}

/** A VM's network without one. */
export function withoutNetwork(network: Network, name: string): Network {
  const attachments = attachmentsOf(network).filter((one) => one.network !== name);
  return attachments.length === 0 ? { mode: "none" } : { mode: "networks", attachments };
}

export function alreadyConnected({ config }: Vm, network: string): MockerError {
  return invalid(`endpoint with name ${config.name} already exists in network ${network}`);
}

function invalid(message: string, hint?: string): MockerError {
  return new MockerError("INVALID_ARGUMENT", message, hint === undefined ? {} : { hint });
}
