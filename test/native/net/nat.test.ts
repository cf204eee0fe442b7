import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  type Control,
  endpointAt,
  FakeVm,
  forbiddenAddresses,
  inNamespace,
  internetAddress,
  lanAddress,
  Netd,
  World,
} from "./netd.ts";
import type { Place } from "./place.ts";
import { ask, askUdp, checksumOf, listen, openMany, send } from "./talk.ts";

// What a guest reaches outside of its network, and what it does not.

const gateway = "172.18.0.1";

describe("mocker-netd's NAT", () => {
  let world: World;
  let netd: Netd;
  let control: Control;
  let vm: FakeVm;
  before(async () => {
    world = await World.make();
    netd = new Netd({}, world.host);
    control = await netd.control();
    const endpoint = endpointAt(2);
    await control.add(endpoint);
    vm = await FakeVm.join(netd, endpoint);
    for (const address of [lanAddress, internetAddress, "192.0.2.2"])
      await listen(world.outside, address, 7000);
  });
  after(async () => {
    await vm?.close();
    await netd?.stop();
    await world?.close();
  });

  for (const address of [lanAddress, internetAddress, "192.0.2.2"]) {
    test(`reaches ${address} by TCP and UDP`, async () => {
      assert.equal(await ask(vm.place, address, 7000), "echo of question");
      assert.equal(await askUdp(vm.place, address, 7000), "echo of question");
    });
  }

  test("keeps a datagram's size", async () => {
    for (const size of [0, 1, 1472, 9000, 65_000])
      assert.equal(await askUdp(vm.place, lanAddress, 7000, size), `echo of ${"x".repeat(size)}`);
  });

  for (const address of forbiddenAddresses) {
    test(`refuses ${address}, which the host reaches`, async () => {
      // Where the host has no such address itself, it is outside.
      const local = /^(?:127|0)\./.test(address);
      const place = local ? world.host : world.outside;
      if (!address.startsWith("240.") && !address.startsWith("0.")) {
        await listen(place, address, 7001);
        assert.equal(await ask(world.host, address, 7001), "echo of question");
        assert.equal(await askUdp(world.host, address, 7001), "echo of question");
      }
      // The guest's own network stack keeps what is its own loopback's.
      if (local) return;
      assert.equal(await ask(vm.place, address, 7001), "ECONNREFUSED");
      assert.match(await askUdp(vm.place, address, 7001), /^E/);
    });
  }

  test("refuses the host's loopback by the gateway's address unless it was asked for", async () => {
    await listen(world.host, "127.0.0.1", 7002);
    assert.equal(await ask(vm.place, gateway, 7002), "ECONNREFUSED");
    assert.equal(await askUdp(vm.place, gateway, 7002), "ECONNREFUSED");
    const endpoint = { ...endpointAt(3), hostGateway: true };
    await control.add(endpoint);
    const trusted = await FakeVm.join(netd, endpoint);
    try {
      assert.equal(await ask(trusted.place, gateway, 7002), "echo of question");
      assert.equal(await askUdp(trusted.place, gateway, 7002), "echo of question");
    } finally {
      await trusted.close();
    }
  });

  test("sends no datagram to the broadcast address of the host's network", async () => {
    await listen(world.outside, "0.0.0.0", 7003);
    assert.equal(await askUdp(world.outside, "192.0.2.2", 7003), "echo of question");
    assert.match(await askUdp(vm.place, "192.0.2.255", 7003), /^E|timeout/);
    const counted = inNamespace(world.outside, "cat /proc/net/snmp").match(/^IpExt|Udp: \d+/m)?.[0];
    assert.ok(counted);
  });

  test("says at once what a destination refuses", async () => {
    assert.equal(await ask(vm.place, lanAddress, 7999), "ECONNREFUSED");
    assert.equal(await askUdp(vm.place, lanAddress, 7999), "ECONNREFUSED");
  });

  test("says that a destination is not to be reached as the host does", async () => {
    inNamespace(world.host, "ip route add unreachable 203.0.113.0/24; ip route add throw 203.0.112.0/24");
    for (const [address, code] of [
      ["203.0.113.1", "EHOSTUNREACH"],
      ["203.0.112.1", "ENETUNREACH"],
    ] as const) {
      assert.equal(await ask(world.host, address, 7000), code);
      assert.equal(await ask(vm.place, address, 7000), code);
    }
  });

  test("closes each direction by itself", async () => {
    // `listen` answers at the end of the question only, and ends then.
    assert.equal(await ask(vm.place, internetAddress, 7000), "echo of question");
  });

  test("carries 64 MiB each way unchanged", async () => {
    const bytes = 64 << 20;
    assert.deepEqual(await send(vm.place, world.outside, lanAddress, 7100, bytes), checksumOf(bytes));
    assert.deepEqual(
      await send(world.outside, vm.place, lanAddress, 7101, bytes, "answer"),
      checksumOf(bytes),
    );
  });

  test("has 200 connections at once", async () => {
    assert.equal(await openMany(vm.place, lanAddress, 7000, 200), 200);
  });

  test("is not stopped by a peer that reads nothing", async () => {
    await silentServer(world.outside, lanAddress, 7200);
    await fill(vm.place, lanAddress, 7200);
    assert.equal(await ask(vm.place, lanAddress, 7000), "echo of question");
    assert.equal(await askUdp(vm.place, lanAddress, 7000), "echo of question");
  });

  test("resets what is open when the endpoint is removed", async () => {
    const endpoint = endpointAt(4);
    await control.add(endpoint);
    const gone = await FakeVm.join(netd, endpoint);
    const ended = await watchConnection(world.outside, lanAddress, 7300, () =>
      openConnection(gone.place, lanAddress, 7300),
    );
    await control.request("endpoint.remove", { endpointId: endpoint.endpointId });
    assert.match(await ended(), /ECONNRESET|closed/);
    await gone.close();
  });
});

describe("an internal network", () => {
  let world: World;
  let netd: Netd;
  let vm: FakeVm;
  before(async () => {
    world = await World.make();
    netd = new Netd({ internal: true }, world.host);
    const endpoint = { ...endpointAt(2), hostGateway: true };
    await (await netd.control()).add(endpoint);
    vm = await FakeVm.join(netd, endpoint);
  });
  after(async () => {
    await vm?.close();
    await netd?.stop();
    await world?.close();
  });

  test("has no way out", async () => {
    await listen(world.outside, lanAddress, 7000);
    await listen(world.host, "127.0.0.1", 7002);
    assert.equal(await ask(vm.place, lanAddress, 7000), "ECONNREFUSED");
    assert.equal(await askUdp(vm.place, lanAddress, 7000), "ECONNREFUSED");
    assert.equal(await ask(vm.place, gateway, 7002), "ECONNREFUSED");
  });
});

/** Accepts connections and reads nothing. */
function silentServer(place: Place, address: string, port: number): Promise<void> {
  return place.run(
    ({ net, kept }, host, number) =>
      new Promise<void>((resolve, reject) => {
        const server = net.createServer({ pauseOnConnect: true }, (socket) => kept.set("silent", socket));
        server.on("error", reject);
        server.listen(number, host, resolve);
      }),
    address,
    port,
  );
}

/** Connects and writes until nothing more is taken. */
function fill(place: Place, address: string, port: number): Promise<void> {
  return place.run(
    ({ net, kept }, host, number) =>
      new Promise<void>((resolve, reject) => {
        const socket = net.connect(number, host);
        kept.set("filled", socket);
        socket.on("error", reject);
        const block = new Uint8Array(1 << 20);
        let taken = 0;
        let before = -1;
        const write = () => {
          taken++;
          socket.write(block, write);
        };
        socket.on("connect", write);
        // Nothing was taken for a while: it is full.
        const watch = setInterval(() => {
          if (taken === before) {
            clearInterval(watch);
            resolve();
          }
          before = taken;
        }, 300);
      }),
    address,
    port,
  );
}

function openConnection(place: Place, address: string, port: number): Promise<void> {
  return place.run(
    ({ net, kept }, host, number) =>
      new Promise<void>((resolve) => {
        const socket = net.connect(number, host, () => resolve());
        socket.on("error", () => {});
        kept.set("open", socket);
      }),
    address,
    port,
  );
}

/** A server for one connection; the function that it returns waits for its end. */
async function watchConnection(
  place: Place,
  address: string,
  port: number,
  open: () => Promise<void>,
): Promise<() => Promise<string>> {
  await place.run(
    ({ net, kept }, host, number) =>
      new Promise<void>((resolve) => {
        const server = net.createServer();
        kept.set(
          "ended",
          new Promise((end) =>
            server.on("connection", (socket) => {
              socket.resume();
              socket.on("error", (error: NodeJS.ErrnoException) => end(error.code));
              socket.on("close", () => end("closed"));
            }),
          ),
        );
        server.listen(number, host, resolve);
      }),
    address,
    port,
  );
  await open();
  return () => place.run(async ({ kept }) => String(await kept.get("ended")));
}
