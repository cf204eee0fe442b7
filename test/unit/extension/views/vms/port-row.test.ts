import assert from "node:assert/strict";
import { test } from "node:test";
import type { VmPort } from "../../../../../engine/protocol/index.ts";
import {
  openAddresses,
  portAddress,
  portLabel,
  portRows,
  portUrl,
} from "../../../../../extension/views/vms/port-row.ts";

const published = (address: string, port: number, guestPort = 80, protocol: VmPort["protocol"] = "tcp") => ({
  protocol,
  guestPort,
  host: { address, port },
});

test("both address families are one row, exposed ports are rows without a host", () => {
  const rows = portRows([
    { protocol: "tcp", guestPort: 443 },
    published("::", 8080),
    published("0.0.0.0", 8080),
    published("127.0.0.1", 5353, 53, "udp"),
  ]);
  assert.deepEqual(rows.map(portLabel), ["5353 → 53/udp", "8080 → 80/tcp", "443/tcp"]);
  assert.deepEqual(rows.map(openAddresses), [[], ["0.0.0.0", "::"], []]);
});

test("one port of the guest on two of the host is two rows", () => {
  const rows = portRows([published("127.0.0.1", 8080), published("127.0.0.1", 8081)]);
  assert.deepEqual(rows.map(portLabel), ["8080 → 80/tcp", "8081 → 80/tcp"]);
});

test("what a browser opens is reachable from this machine", () => {
  const urlOf = (...ports: VmPort[]) => portRows(ports).map(portUrl)[0];
  assert.equal(urlOf(published("0.0.0.0", 8080), published("::", 8080)), "http://localhost:8080");
  assert.equal(urlOf(published("::", 8080)), "http://localhost:8080");
  assert.equal(urlOf(published("127.0.0.1", 8080)), "http://localhost:8080");
  assert.equal(urlOf(published("::1", 8080)), "http://[::1]:8080");
  assert.equal(urlOf(published("192.168.1.5", 8080)), "http://192.168.1.5:8080");
  assert.equal(urlOf(published("0.0.0.0", 8443, 443)), "https://localhost:8443");
  assert.equal(urlOf(published("0.0.0.0", 5353, 53, "udp")), undefined);
  assert.equal(urlOf({ protocol: "tcp", guestPort: 80 }), undefined);
});

test("an address is what one types into a client", () => {
  assert.deepEqual(portRows([published("0.0.0.0", 5432, 5432)]).map(portAddress), ["localhost:5432"]);
  assert.deepEqual(portRows([published("::1", 53, 53, "udp")]).map(portAddress), ["[::1]:53"]);
  assert.deepEqual(portRows([{ protocol: "tcp", guestPort: 80 }]).map(portAddress), [undefined]);
});
