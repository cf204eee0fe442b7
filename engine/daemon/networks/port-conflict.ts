import { isIPv6 } from "node:net";
import { hostAndPort } from "../../docker/ports.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { Member } from "./endpoint.ts";
import type { NetdError, PortRequest } from "./netd-client.ts";
import { portHolder } from "./port-holder.ts";

/** A host port: an address of the host, or all of one family or of both, and a number. */
export type HostPort = Pick<PortRequest, "protocol" | "hostAddress" | "hostPort">;

/** Whether both cannot be bound at once. */
export function isSamePort(a: HostPort, b: HostPort): boolean {
  if (a.protocol !== b.protocol || a.hostPort !== b.hostPort) return false;
  const isAll = (address: string): boolean => address === "" || address === "0.0.0.0" || address === "::";
  const families = (address: string): string => (address === "" ? "46" : isIPv6(address) ? "6" : "4");
  const haveFamily = [...families(a.hostAddress)].some((family) => families(b.hostAddress).includes(family));
  return haveFamily && (a.hostAddress === b.hostAddress || isAll(a.hostAddress) || isAll(b.hostAddress));
}

function failed(endpoint: { vm: Member; endpointId: string }, reason: string, hint: string): MockerError {
  return new MockerError(
    "PORT_IN_USE",
    `driver failed programming external connectivity on endpoint ${endpoint.vm.name} ` +
      `(${endpoint.endpointId}): ${reason}`,
    { hint },
  );
}

function text({ hostAddress, hostPort }: HostPort): string {
  return hostAndPort({ address: hostAddress || "0.0.0.0", port: hostPort });
}

/** Another VM of ours has the port. */
export function portOfVm(
  endpoint: { vm: Member; endpointId: string },
  port: HostPort,
  holder: Member,
): MockerError {
  return failed(
    endpoint,
    `Bind for ${text(port)} failed: port is already allocated`,
    `The VM ${holder.name} has it: stop that, or publish another port.`,
  );
}

/** A port that could not be bound, with who has it where that can be found. */
export async function portOfHost(
  endpoint: { vm: Member; endpointId: string },
  asked: readonly PortRequest[],
  error: NetdError,
): Promise<MockerError> {
  const port = failedPort(asked, error);
  if (port === undefined) return failed(endpoint, error.message, "Publish another port.");
  const where = `failed to bind host port ${text(port)}/${port.protocol}`;
  if (error.code === "PORT_DENIED") {
    return failed(
      endpoint,
      `${where}: permission denied`,
      "Ports below 1024 are root's: publish another one, or as root: sysctl -w net.ipv4.ip_unprivileged_port_start=80",
    );
  }
  if (error.code === "PORT_INVALID_ADDRESS") {
    return failed(
      endpoint,
      `${where}: cannot assign requested address`,
      "Publish at an address of this machine, or leave the address out for all of them.",
    );
  }
  const holder = await portHolder(port);
  return failed(
    endpoint,
    `${where}: address already in use`,
    holder === undefined
      ? "Something on this machine has it: publish another port."
      : `${holder.command} (pid ${holder.pid}) has it: end that, or publish another port.`,
  );
}

/** Which of the ports that were asked for an error is about. */
export function failedPort(asked: readonly PortRequest[], { details }: NetdError): PortRequest | undefined {
  const named = asked.find(
    ({ protocol, hostAddress, hostPort }) =>
      protocol === details.protocol &&
      hostPort === details.hostPort &&
      (hostAddress === "" || hostAddress === details.hostAddress),
  );
  return named ?? (asked.length === 1 ? asked[0] : undefined);
}
