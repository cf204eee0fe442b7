/**
 * `--network passt`: a VM's card ends in a passt of its own (https://passt.top), which is the guest's way to
 * the host's networks and has no policy of ours: it reaches what the host reaches, but for the host's
 * loopback.
 */
import { accessSync, constants } from "node:fs";
import { createServer, isIPv6 } from "node:net";
import { delimiter, join } from "node:path";
import { MockerError } from "../../protocol/errors.ts";
import type { PortBinding } from "../../protocol/vm.ts";
import type { Endpoint, Member } from "./endpoint.ts";
import type { BoundPort } from "./netd-client.ts";

/** Where it forwards the guest's DNS queries from, to the host's first resolver. */
export const passtResolver = "10.0.2.3";
const address = "10.0.2.15";
const prefixLength = 24;
const gateway = "10.0.2.2";
const mtu = 65_520;
const mac = "02:42:0a:00:02:0f";

export interface PasstLaunch {
  path: string;
  arguments: string[];
}

/** The program. @throws FEATURE_UNAVAILABLE where it is not installed */
export function findPasst(path = process.env.PATH ?? ""): string {
  for (const directory of [...path.split(delimiter), "/usr/bin", "/usr/local/bin"]) {
    const program = join(directory, "passt");
    if (directory.startsWith("/") && isExecutable(program)) return program;
  }
  throw new MockerError("FEATURE_UNAVAILABLE", "--network passt needs passt, which is not installed", {
    hint: "Install the package passt, or leave --network out: the default network needs nothing.",
  });
}

/**
 * A VM's end, and what its monitor starts. A port of the host that is taken shows at the VM's start.
 * @param reachesHost the gateway's address is the host's loopback
 */
export async function openPasst(
  vm: Member,
  ports: readonly PortBinding[],
  defaultHostAddress: string,
  reachesHost: boolean,
): Promise<{ endpoint: Endpoint; launch: PasstLaunch }> {
  const path = findPasst();
  const bound: BoundPort[] = [];
  for (const { protocol, guestPort, hostAddress = defaultHostAddress, hostPort } of ports) {
    bound.push({ protocol, guestPort, hostAddress, hostPort: hostPort || (await freePort(hostAddress)) });
  }
  const specs = (protocol: string): string[] => {
    const flag = protocol === "tcp" ? "--tcp-ports" : "--udp-ports";
    const own = bound.filter((port) => port.protocol === protocol);
    if (own.length === 0) return [flag, "none"];
    return own.flatMap((port) => [
      flag,
      `${port.hostAddress === "" ? "" : `${port.hostAddress}/`}${port.hostPort}:${port.guestPort}`,
    ]);
  };
  const options = [
    ...["--quiet", "--ipv4-only", "--no-dhcp", "--mtu", String(mtu)],
    ...["--address", address, "--netmask", String(prefixLength), "--gateway", gateway],
    ...["--dns-forward", passtResolver, ...(reachesHost ? [] : ["--no-map-gw"])],
    ...[...specs("tcp"), ...specs("udp")],
  ];
  const endpoint: Endpoint = {
    vm,
    network: "passt",
    networkId: "",
    endpointId: "",
    ...{ mac, address, prefixLength, gateway, mtu },
    isDefaultRoute: true,
    names: [],
    ports: bound,
    problem: undefined,
  };
  return { endpoint, launch: { path, arguments: options } };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** passt chooses none itself. */
function freePort(hostAddress: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    const host = hostAddress === "" ? "0.0.0.0" : hostAddress;
    server.listen({ port: 0, host, ...(isIPv6(host) ? { ipv6Only: true } : {}) }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === "object" && bound !== null ? bound.port : 0));
    });
  });
}
