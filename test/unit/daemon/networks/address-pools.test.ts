import assert from "node:assert/strict";
import { test } from "node:test";
import { freeAddress, freeSubnet } from "../../../../engine/daemon/networks/address-pools.ts";
import { parseRoutes } from "../../../../engine/daemon/networks/host-routes.ts";
import {
  formatIpv4,
  formatSubnet,
  parseIpv4,
  parseSubnet,
  type Subnet,
} from "../../../../engine/docker/ipv4.ts";

function subnet(text: string): Subnet {
  const parsed = parseSubnet(text);
  assert.ok(parsed, text);
  return parsed;
}

test("subnets come in Docker's order, and leave out those in use", () => {
  const used: Subnet[] = [];
  const given: string[] = [];
  for (let count = 0; count < 31; count++) {
    const next = freeSubnet(used);
    used.push(next);
    given.push(formatSubnet(next));
  }
  assert.deepEqual([given[0], given[14]], ["172.17.0.0/16", "172.31.0.0/16"]);
  assert.deepEqual([given[15], given[30]], ["192.168.0.0/20", "192.168.240.0/20"]);
  assert.throws(() => freeSubnet(used), {
    message: "all predefined address pools have been fully subnetted",
  });
  assert.equal(formatSubnet(freeSubnet([subnet("172.16.0.0/12")])), "192.168.0.0/20");
});

test("the lowest free address is given, within a range, and none of no use", () => {
  const whole = subnet("10.0.0.0/30");
  const taken = new Set([parseIpv4("10.0.0.1")]);
  const next = (): string => formatIpv4(freeAddress(whole, whole, (one) => taken.has(one)));
  assert.equal(next(), "10.0.0.2");
  taken.add(parseIpv4("10.0.0.2"));
  assert.throws(next, { message: "no available IPv4 addresses on this network's address pools" });
  assert.equal(formatIpv4(freeAddress(subnet("10.0.0.0/8"), subnet("10.5.0.0/16"), () => false)), "10.5.0.0");
});

test("the host's routes are read, without the default one", () => {
  const table = [
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
    "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0",
    "eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
    "wg0\t0100000A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0",
    "",
  ].join("\n");
  assert.deepEqual(parseRoutes(table).map(formatSubnet), ["172.17.0.0/16", "10.0.0.1/32"]);
});
