import assert from "node:assert/strict";
import { test } from "node:test";
import {
  contains,
  formatIpv4,
  formatSubnet,
  macOf,
  overlap,
  parseIpv4,
  parseMac,
  parseSubnet,
  type Subnet,
} from "../../../engine/docker/ipv4.ts";

function subnet(text: string): Subnet {
  const parsed = parseSubnet(text);
  assert.ok(parsed, text);
  return parsed;
}

test("addresses and subnets are what they were after both ways", () => {
  for (const text of ["0.0.0.0", "172.17.0.2", "255.255.255.255"])
    assert.equal(formatIpv4(parseIpv4(text) ?? -1), text);
  assert.equal(formatSubnet(subnet("10.1.2.3/8")), "10.0.0.0/8");
  for (const text of ["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/8/8", "::/8", "10.0.0.0/"])
    assert.equal(parseSubnet(text), undefined, text);
  for (const text of ["", "1.2.3", "1.2.3.256", "::1"]) assert.equal(parseIpv4(text), undefined, text);
});

test("subnets overlap when one has an address of the other", () => {
  assert.ok(overlap(subnet("10.0.0.0/8"), subnet("10.1.0.0/16")));
  assert.ok(overlap(subnet("10.1.0.0/16"), subnet("10.0.0.0/8")));
  assert.ok(!overlap(subnet("10.1.0.0/16"), subnet("10.2.0.0/16")));
  assert.ok(contains(subnet("255.255.255.0/24"), parseIpv4("255.255.255.255") ?? -1));
});

test("a MAC address follows from the IPv4 address, and is one of a card's", () => {
  assert.equal(macOf(parseIpv4("172.17.0.2") ?? -1), "02:42:ac:11:00:02");
  assert.equal(parseMac("92-D0-C6-0A-29-33"), "92:d0:c6:0a:29:33");
  for (const mac of ["", "02:42:ac:11:00", "01:00:5e:00:00:01", "00:00:00:00:00:00", "zz:00:00:00:00:00"])
    assert.equal(parseMac(mac), undefined, mac);
});
