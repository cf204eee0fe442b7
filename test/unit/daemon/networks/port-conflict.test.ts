import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { NetdError } from "../../../../engine/daemon/networks/netd-client.ts";
import { isSamePort, portOfHost } from "../../../../engine/daemon/networks/port-conflict.ts";
import { socketInodes } from "../../../../engine/daemon/networks/port-holder.ts";

const endpoint = { vm: { id: "ab".repeat(32), name: "web" }, endpointId: "e1" };

function port(hostAddress: string, hostPort = 8080) {
  return { protocol: "tcp", guestPort: 80, hostAddress, hostPort } as const;
}

test("two addresses share a port when one has the other", () => {
  for (const [a, b, same] of [
    ["", "127.0.0.1", true],
    ["", "::1", true],
    ["0.0.0.0", "127.0.0.1", true],
    ["0.0.0.0", "::1", false],
    ["::", "::1", true],
    ["127.0.0.1", "127.0.0.1", true],
    ["127.0.0.1", "127.0.0.2", false],
  ] as const) {
    assert.equal(isSamePort(port(a), port(b)), same, `${a} ${b}`);
    assert.equal(isSamePort(port(b), port(a)), same, `${b} ${a}`);
  }
  assert.equal(isSamePort(port(""), port("", 8081)), false);
  assert.equal(isSamePort(port(""), { ...port(""), protocol: "udp" }), false);
});

test("a port that a program of the host has is refused with that program's name", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: hostPort } = server.address() as AddressInfo;
  const asked = [port("127.0.0.1", hostPort)];
  const details = { protocol: "tcp", hostAddress: "127.0.0.1", hostPort };
  const { code, message, hint } = await portOfHost(
    endpoint,
    asked,
    new NetdError("PORT_IN_USE", "", details),
  );
  assert.equal(code, "PORT_IN_USE");
  assert.equal(
    message,
    "driver failed programming external connectivity on endpoint web (e1): " +
      `failed to bind host port 127.0.0.1:${hostPort}/tcp: address already in use`,
  );
  assert.match(
    hint ?? "",
    new RegExp(`\\(pid ${process.pid}\\) has it: end that, or publish another port\\.$`),
  );
  server.close();
});

test("a port that one may not have, and an address that is nobody's here, are called so", async () => {
  const details = { protocol: "tcp", hostAddress: "", hostPort: 80 };
  const denied = await portOfHost(endpoint, [port("", 80)], new NetdError("PORT_DENIED", "", details));
  assert.match(denied.message, /failed to bind host port 0\.0\.0\.0:80\/tcp: permission denied$/);
  const nowhere = await portOfHost(
    endpoint,
    [port("192.0.2.9")],
    new NetdError("PORT_INVALID_ADDRESS", "", {}),
  );
  assert.match(nowhere.message, /192\.0\.2\.9:8080\/tcp: cannot assign requested address$/);
});

test("sockets are found in /proc's tables by their local port: of TCP those that listen", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100",
    "   1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100",
    "   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100",
  ].join("\n");
  assert.deepEqual(socketInodes(table, "tcp", 8080), ["111"]);
  assert.deepEqual(socketInodes(table, "udp", 8080), ["111", "222"]);
});
