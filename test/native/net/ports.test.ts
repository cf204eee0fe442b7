import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  type Control,
  endpointAt,
  FakeVm,
  inNamespace,
  Netd,
  NetdError,
  type PortRequest,
  World,
} from "./netd.ts";
import type { Place } from "./place.ts";
import { ask, askUdp, checksumOf, listen, openMany, send } from "./talk.ts";

// Published ports: what the host and the outside reach of a guest.

const lan = "192.0.2.1";

function port(hostAddress: string, hostPort: number, guestPort = 80, protocol = "tcp"): PortRequest {
  return { protocol, guestPort, hostAddress, hostPort };
}

describe("a published port", () => {
  let world: World;
  let netd: Netd;
  let control: Control;
  let vm: FakeVm;
  before(async () => {
    world = await World.make();
    netd = new Netd({}, world.host);
    control = await netd.control();
    const endpoint = endpointAt(
      2,
      [],
      [
        port("", 8080),
        port("", 8080, 80, "udp"),
        port("127.0.0.1", 8081),
        port("127.0.0.1", 8081, 80, "udp"),
        port("", 8082, 81),
        port("", 8100, 7100),
        port("", 8101, 7101),
      ],
    );
    await control.add(endpoint);
    vm = await FakeVm.join(netd, endpoint);
    await listen(vm.place, "0.0.0.0", 80);
  });
  after(async () => {
    await vm?.close();
    await netd?.stop();
    await world?.close();
  });

  async function refused(ports: PortRequest[]): Promise<NetdError> {
    try {
      await control.add(endpointAt(50, [], ports));
    } catch (error) {
      if (error instanceof NetdError) return error;
      throw error;
    }
    throw new Error("it was not refused");
  }

  test("is reached from the host and from outside, by TCP and UDP", async () => {
    assert.equal(await ask(world.host, "127.0.0.1", 8080), "echo of question");
    assert.equal(await ask(world.host, "::1", 8080), "echo of question");
    assert.equal(await ask(world.outside, lan, 8080), "echo of question");
    assert.equal(await askUdp(world.host, "127.0.0.1", 8080), "echo of question");
    assert.equal(await askUdp(world.outside, lan, 8080), "echo of question");
    assert.equal(await askUdp(world.outside, lan, 8080, 60_000), `echo of ${"x".repeat(60_000)}`);
  });

  test("answers by UDP from the address that was asked", async () => {
    const others = ["192.0.2.50", "192.0.2.51", "fd00::50", "fd00::51"];
    for (const address of others) {
      const prefix = address.includes(":") ? "/64 nodad" : "/24";
      inNamespace(world.host, `ip address add ${address}${prefix} dev h0`);
    }
    inNamespace(world.outside, "ip address add fd00::2/64 dev o0 nodad");
    // A socket that is connected takes answers from no other address.
    for (const address of [lan, ...others])
      assert.equal(await askUdp(world.outside, address, 8080), "echo of question", address);
  });

  test("on 127.0.0.1 is not reached from outside", async () => {
    assert.equal(await ask(world.host, "127.0.0.1", 8081), "echo of question");
    assert.equal(await askUdp(world.host, "127.0.0.1", 8081), "echo of question");
    assert.equal(await ask(world.outside, lan, 8081), "ECONNREFUSED");
    assert.equal(await askUdp(world.outside, lan, 8081), "ECONNREFUSED");
  });

  test("is all that is open on the host", () => {
    const sockets = (table: string, state: string) =>
      inNamespace(world.host, `cat /proc/net/${table}`)
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[3] === state)
        .map((fields) => Number.parseInt(fields[1]?.split(":")[1] ?? "", 16))
        .sort((a, b) => a - b);
    const listening = "0A";
    const unconnected = "07";
    assert.deepEqual(sockets("tcp", listening), [8080, 8081, 8082, 8100, 8101]);
    assert.deepEqual(sockets("tcp6", listening), [8080, 8082, 8100, 8101]);
    assert.deepEqual(sockets("udp", unconnected), [8080, 8081]);
    assert.deepEqual(sockets("udp6", unconnected), [8080]);
  });

  test("that the guest does not listen on resets the client", async () => {
    assert.match(await ask(world.host, "127.0.0.1", 8082), /ECONNRESET|EPIPE/);
  });

  test("shows the guest the gateway as its client", async () => {
    const seen = vm.place.run(
      ({ net }) =>
        new Promise<string>((resolve) => {
          const server = net.createServer((socket) => {
            resolve(String(socket.remoteAddress));
            socket.destroy();
            server.close();
          });
          server.listen(81, "0.0.0.0");
        }),
    );
    await vm.place.run(() => true);
    await ask(world.host, "127.0.0.1", 8082);
    assert.equal(await seen, "172.18.0.1");
  });

  test("carries 64 MiB each way unchanged", async () => {
    const bytes = 64 << 20;
    // The guest listens; the client comes by the host's port.
    const sum = await sendThrough(world.outside, vm.place, 7100, 8100, bytes, "question");
    assert.equal(sum, checksumOf(bytes));
    const back = await sendThrough(vm.place, world.outside, 7101, 8101, bytes, "answer");
    assert.equal(back, checksumOf(bytes));
  });

  test("has 200 connections at once", async () => {
    assert.equal(await openMany(world.outside, lan, 8080, 200), 200);
  });

  test("is not stopped by a client that reads nothing", async () => {
    const full = vm.place.run(
      ({ net, kept }) =>
        new Promise<boolean>((resolve) => {
          const server = net.createServer((socket) => {
            kept.set("unread", socket);
            socket.on("error", () => {});
            let taken = 0;
            let before = -1;
            const block = new Uint8Array(1 << 20);
            const write = () => {
              taken++;
              socket.write(block, write);
            };
            write();
            const watch = setInterval(() => {
              if (taken === before) {
                clearInterval(watch);
                server.close();
                resolve(true);
              }
              before = taken;
            }, 300);
          });
          server.listen(81, "0.0.0.0");
        }),
    );
    await vm.place.run(() => true);
    await world.outside.run(
      ({ net, kept }, address) =>
        new Promise<void>((resolve) => {
          const socket = net.connect(8082, address, resolve);
          socket.pause();
          socket.on("error", () => {});
          kept.set("silent", socket);
        }),
      lan,
    );
    assert.ok(await full);
    assert.equal(await ask(world.outside, lan, 8080), "echo of question");
    assert.equal(await askUdp(world.outside, lan, 8080), "echo of question");
  });

  test("that is taken is refused, with its number", async () => {
    for (const taken of [
      port("", 8080, 90),
      port("127.0.0.1", 8080, 90),
      port("127.0.0.1", 8081, 90),
      port("::1", 8080, 90),
      port("", 8080, 90, "udp"),
    ]) {
      const { code, details } = await refused([port("", 0), taken]);
      assert.equal(code, "PORT_IN_USE");
      const { protocol, hostAddress, hostPort } = taken;
      assert.deepEqual(details, { protocol, hostAddress, hostPort });
    }
  });

  test("on an address that the host has not is refused", async () => {
    for (const address of ["203.0.113.9", "2001:db8::9", "web", "127.0.0.1:80", "fe80::1%nowhere"])
      assert.equal((await refused([port(address, 8090)])).code, "PORT_INVALID_ADDRESS");
  });

  test("that only privileged users may open is refused to others", async () => {
    inNamespace(world.host, "sysctl -qw net.ipv4.ip_unprivileged_port_start=1024");
    const drop = ["setpriv", "--bounding-set=-net_bind_service"];
    const ordinary = new Netd({}, world.host, undefined, [], drop);
    try {
      const other = await ordinary.control();
      for (const protocol of ["tcp", "udp"]) {
        const wanted = port("127.0.0.1", 80, 80, protocol);
        await assert.rejects(other.add(endpointAt(2, [], [wanted])), {
          code: "PORT_DENIED",
          details: { protocol, hostAddress: "127.0.0.1", hostPort: 80 },
        });
      }
      await other.add(endpointAt(2, [], [port("127.0.0.1", 1024)]));
    } finally {
      await ordinary.stop();
    }
    await control.add(endpointAt(53, [], [port("127.0.0.1", 80)]));
    await control.request("endpoint.remove", { endpointId: "endpoint-53" });
  });

  test("is opened with all others of its endpoint or not at all", async () => {
    assert.equal((await refused([port("", 8095), port("", 8080)])).code, "PORT_IN_USE");
    assert.equal(await ask(world.host, "127.0.0.1", 8095), "ECONNREFUSED");
    assert.ok(!(await control.status()).some(({ endpointId }) => endpointId === "endpoint-50"));
  });

  test("without a number is the same one in both families", async () => {
    const bound = await control.add(
      endpointAt(51, [], [port("", 0), port("", 0, 80, "udp"), port("::1", 0)]),
    );
    assert.deepEqual(
      bound.map(({ hostAddress }) => hostAddress),
      ["0.0.0.0", "::", "0.0.0.0", "::", "::1"],
    );
    assert.equal(bound[0]?.hostPort, bound[1]?.hostPort);
    assert.equal(bound[2]?.hostPort, bound[3]?.hostPort);
    assert.ok(bound.every(({ hostPort }) => hostPort > 0));
    await control.request("endpoint.remove", { endpointId: "endpoint-51" });
  });

  test("is free as soon as its endpoint is removed, and resets while no card is there", async () => {
    for (let round = 0; round < 20; round++) {
      await control.add(endpointAt(52, [], [port("", 8096)]));
      assert.match(await ask(world.host, "127.0.0.1", 8096), /ECONNRESET|EPIPE/);
      await control.request("endpoint.remove", { endpointId: "endpoint-52" });
    }
    assert.equal(await ask(world.host, "127.0.0.1", 8096), "ECONNREFUSED");
  });

  test("closes when its endpoint is unplugged, and opens again", async () => {
    const endpointId = "endpoint-2";
    await control.request("endpoint.update", { endpointId, up: false });
    assert.equal(await ask(world.host, "127.0.0.1", 8080), "ECONNREFUSED");
    assert.deepEqual((await control.status())[0]?.ports, []);
    await control.request("endpoint.update", { endpointId, up: true });
    assert.equal(await ask(world.host, "127.0.0.1", 8080), "echo of question");
  });
});

/**
 * As `send`, by a published port: the server listens at the guest's port, the client connects to the host's.
 */
async function sendThrough(
  from: Place,
  to: Place,
  guestPort: number,
  hostPort: number,
  bytes: number,
  direction: "question" | "answer",
): Promise<string> {
  return send(from, to, "0.0.0.0", guestPort, bytes, direction, { address: lan, port: hostPort });
}
