import assert from "node:assert/strict";
import { test } from "node:test";
import { vmObject } from "../../../engine/docker/inspect-object.ts";
import { vmDetails } from "../cli/fixtures.ts";

test("a VM's networks and ports are where Docker has them", () => {
  const object = vmObject(
    vmDetails(
      {
        endpoints: [
          {
            network: "bridge",
            networkId: "aa".repeat(32),
            aliases: [],
            links: [],
            endpointId: "ee".repeat(32),
            address: "172.17.0.2",
            prefixLength: 16,
            gateway: "172.17.0.1",
            mac: "02:42:ac:11:00:02",
            names: [],
          },
          { network: "web", networkId: "", aliases: ["a"], links: [], wantedAddress: "10.0.0.9" },
        ],
        ports: [
          { protocol: "tcp", guestPort: 80, host: { address: "::", port: 8080 } },
          { protocol: "tcp", guestPort: 80, host: { address: "0.0.0.0", port: 8080 } },
          { protocol: "udp", guestPort: 53 },
        ],
      },
      {
        domainname: "corp",
        exposedPorts: ["80/tcp", "53/udp"],
        ports: [
          { protocol: "tcp", guestPort: 80, hostPort: 8080 },
          { protocol: "tcp", guestPort: 90, hostAddress: "127.0.0.1", hostPort: 9000, hostPortEnd: 9009 },
        ],
        dns: { servers: ["9.9.9.9"] },
        extraHosts: ["x:1.2.3.4"],
      },
    ),
  );
  const settings = object.NetworkSettings as Record<string, unknown>;
  assert.deepEqual(
    [settings.IPAddress, settings.IPPrefixLen, settings.Gateway, settings.MacAddress],
    ["172.17.0.2", 16, "172.17.0.1", "02:42:ac:11:00:02"],
  );
  assert.deepEqual(
    settings.Ports,
    new Map([
      ["53/udp", null],
      [
        "80/tcp",
        [
          { HostIp: "0.0.0.0", HostPort: "8080" },
          { HostIp: "::", HostPort: "8080" },
        ],
      ],
    ]),
  );
  const networks = settings.Networks as Map<string, Record<string, unknown>>;
  assert.deepEqual([...networks.keys()], ["bridge", "web"]);
  assert.deepEqual(networks.get("web"), {
    IPAMConfig: { IPv4Address: "10.0.0.9" },
    Links: null,
    Aliases: ["a"],
    MacAddress: "",
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: "",
    EndpointID: "",
    Gateway: "",
    IPAddress: "",
    IPPrefixLen: 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    DNSNames: null,
  });
  const host = object.HostConfig as Record<string, unknown>;
  assert.deepEqual(
    [host.NetworkMode, host.Dns, host.ExtraHosts, host.PublishAllPorts],
    ["bridge", ["9.9.9.9"], ["x:1.2.3.4"], false],
  );
  assert.deepEqual(
    host.PortBindings,
    new Map([
      ["80/tcp", [{ HostIp: "", HostPort: "8080" }]],
      ["90/tcp", [{ HostIp: "127.0.0.1", HostPort: "9000-9009" }]],
    ]),
  );
  const { ExposedPorts, Domainname } = object.Config as Record<string, unknown>;
  assert.deepEqual(
    [[...(ExposedPorts as Map<string, unknown>).keys()], Domainname],
    [["80/tcp", "53/udp"], "corp"],
  );
});

test("a VM without a network is in Docker's network none", () => {
  const object = vmObject(vmDetails({}, { network: { mode: "none" } }));
  assert.equal((object.HostConfig as Record<string, unknown>).NetworkMode, "none");
  const { Networks, IPAddress } = object.NetworkSettings as Record<string, unknown>;
  assert.deepEqual([[...(Networks as Map<string, unknown>).keys()], IPAddress], [["none"], ""]);
});
