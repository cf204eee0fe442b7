import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { type Control, endpointAt, FakeVm, Netd, World } from "./netd.ts";
import type { Place } from "./place.ts";

// Names: those of the network by mocker-netd itself, all others by the host's resolvers.

/**
 * A name server: "NAME.example" has the address given; "big.example" many, which a datagram does not take;
 * "broken.example" fails; names below "silent.example" are not answered; all others do not exist.
 * It counts what it was asked.
 */
function serveNames(place: Place, address: string, result: string): Promise<void> {
  return place.run(
    ({ net, dgram, kept }, host, known) =>
      new Promise<void>((resolve, reject) => {
        const asked: string[] = [];
        kept.set(`asked ${host}`, asked);
        const answer = (query: Buffer, overTcp: boolean): Buffer | undefined => {
          let name = "";
          let at = 12;
          for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
            name += `${query.subarray(at + 1, at + 1 + length)}.`;
            at += 1 + length;
          }
          name = name.slice(0, -1).toLowerCase();
          asked.push(`${name} ${overTcp ? "tcp" : "udp"}`);
          if (name.endsWith("silent.example")) return undefined;
          const exists = name.endsWith(".example");
          const question = query.subarray(12, at + 5);
          const header = Buffer.from(query.subarray(0, 12));
          const truncated = name === "big.example" && !overTcp;
          const count = !exists || truncated ? 0 : name === "big.example" ? 200 : 1;
          const code = name === "broken.example" ? 2 : exists ? 0 : 3;
          header.writeUInt16BE(0x8180 | (truncated ? 0x0200 : 0) | code, 2);
          header.writeUInt16BE(1, 4);
          header.writeUInt16BE(code === 0 ? count : 0, 6);
          header.writeUInt32BE(0, 8);
          const record = (i: number) =>
            Buffer.concat([
              Buffer.from("c00c00010001000000050004", "hex"),
              Buffer.from(count === 1 ? known.split(".").map(Number) : [10, 0, 0, i]),
            ]);
          const records = code === 0 ? Array.from({ length: count }, (_, i) => record(i)) : [];
          return Buffer.concat([header, question, ...records]);
        };
        const udp = dgram.createSocket("udp4");
        udp.on("error", reject);
        udp.on("message", (query, from) => {
          const found = answer(query, false);
          if (found !== undefined) udp.send(found, from.port, from.address);
        });
        const server = net.createServer((socket) => {
          socket.on("error", () => {});
          socket.once("data", (data) => {
            const found = answer(data.subarray(2), true);
            if (found === undefined) return;
            const length = Buffer.alloc(2);
            length.writeUInt16BE(found.length);
            socket.end(Buffer.concat([length, found]));
          });
        });
        udp.bind(53, host, () => server.listen(53, host, resolve));
      }),
    address,
    result,
  );
}

type Kind = "A" | "AAAA" | "PTR" | "TXT" | "MX";

/** What a guest's resolver finds: records, or the error's code. */
function resolve(place: Place, name: string, kind: Kind = "A"): Promise<string[] | string> {
  return place.run(
    async ({ dns }, wanted, type) => {
      const resolver = new dns.promises.Resolver({ timeout: 15_000, tries: 1 });
      resolver.setServers(["172.18.0.1"]);
      try {
        const found = type === "PTR" ? await resolver.reverse(wanted) : await resolver.resolve(wanted, type);
        return (found as unknown[]).map(String).sort();
      } catch (error) {
        return String((error as NodeJS.ErrnoException).code);
      }
    },
    name,
    kind as string,
  );
}

function asked(place: Place, address: string): Promise<string[]> {
  return place.run(({ kept }, host) => {
    const list = kept.get(`asked ${host}`) as string[];
    return list.splice(0);
  }, address);
}

describe("mocker-netd's DNS", () => {
  let world: World;
  let netd: Netd;
  let control: Control;
  let vm: FakeVm;
  before(async () => {
    world = await World.make();
    await serveNames(world.outside, "192.0.2.2", "203.0.113.7");
    await serveNames(world.outside, "10.9.9.9", "203.0.113.9");
    netd = new Netd({}, world.host);
    control = await netd.control();
    const endpoint = endpointAt(2, ["Web", "web-1a2b3c", "www.shop"]);
    await control.add(endpoint);
    await control.add(endpointAt(3, ["db", "pool"]));
    await control.add(endpointAt(4, ["cache", "pool"]));
    vm = await FakeVm.join(netd, endpoint);
  });
  after(async () => {
    await vm?.close();
    await netd?.stop();
    await world?.close();
  });

  test("knows names and aliases, in any case, also with the network's name", async () => {
    for (const name of ["web", "WEB", "web-1a2b3c", "www.shop", "web.web", "Web.WEB"])
      assert.deepEqual(await resolve(vm.place, name), ["172.18.0.2"]);
    assert.deepEqual(await resolve(vm.place, "db"), ["172.18.0.3"]);
    assert.deepEqual(await asked(world.outside, "192.0.2.2"), []);
  });

  test("has all addresses of a name, and lets each be the first", async () => {
    assert.deepEqual(await resolve(vm.place, "pool"), ["172.18.0.3", "172.18.0.4"]);
    const firsts = await vm.place.run(async ({ dns }) => {
      const resolver = new dns.promises.Resolver();
      resolver.setServers(["172.18.0.1"]);
      const found = new Set<string | undefined>();
      for (let i = 0; i < 64; i++) found.add((await resolver.resolve4("pool"))[0]);
      return [...found].sort();
    });
    assert.deepEqual(firsts, ["172.18.0.3", "172.18.0.4"]);
  });

  test("knows whose an address is", async () => {
    assert.deepEqual(await resolve(vm.place, "172.18.0.2", "PTR"), ["web.web"]);
    assert.equal(await resolve(vm.place, "172.18.0.99", "PTR"), "ENOTFOUND");
  });

  test("has no IPv6 addresses, and nothing else either of its own names", async () => {
    assert.equal(await resolve(vm.place, "web", "AAAA"), "ENODATA");
    assert.equal(await resolve(vm.place, "one.example", "AAAA"), "ENODATA");
    assert.equal(await resolve(vm.place, "web", "MX"), "ENODATA");
    assert.deepEqual(await asked(world.outside, "192.0.2.2"), []);
  });

  test("asks the host's resolver for all other names", async () => {
    assert.deepEqual(await resolve(vm.place, "one.example"), ["203.0.113.7"]);
    assert.equal(await resolve(vm.place, "unknown.invalid"), "ENOTFOUND");
    assert.equal(await resolve(vm.place, "single"), "ENOTFOUND");
    assert.equal(await resolve(vm.place, "broken.example"), "ESERVFAIL");
  });

  test("asks again by TCP for what was cut, and answers so itself", async () => {
    await asked(world.outside, "192.0.2.2");
    const found = await resolve(vm.place, "big.example");
    assert.equal(found.length, 200);
    const how = new Set(await asked(world.outside, "192.0.2.2"));
    assert.deepEqual([...how].sort(), ["big.example tcp", "big.example udp"]);
  });

  test("asks the endpoint's own servers, one after the other", async () => {
    const endpoint = { ...endpointAt(5, ["own"]), upstream: ["198.51.100.7", "10.9.9.9"] };
    await control.add(endpoint);
    const other = await FakeVm.join(netd, endpoint);
    try {
      assert.deepEqual(await resolve(other.place, "one.example"), ["203.0.113.9"]);
      assert.deepEqual(await resolve(other.place, "web"), ["172.18.0.2"]);
    } finally {
      await other.close();
    }
  });

  test("refuses a name without a dot to an endpoint that asks other networks, too", async () => {
    const endpoint = { ...endpointAt(6, ["both"]), otherResolvers: true };
    await control.add(endpoint);
    const other = await FakeVm.join(netd, endpoint);
    try {
      await asked(world.outside, "192.0.2.2");
      assert.deepEqual(await resolve(other.place, "web"), ["172.18.0.2"]);
      assert.equal(await resolve(other.place, "web", "AAAA"), "ENODATA");
      for (const kind of ["A", "AAAA", "MX"] as const)
        assert.equal(await resolve(other.place, "elsewhere", kind), "EREFUSED");
      assert.deepEqual(await asked(world.outside, "192.0.2.2"), []);
      assert.deepEqual(await resolve(other.place, "one.example"), ["203.0.113.7"]);
      assert.equal(await resolve(other.place, "one.example", "AAAA"), "ENODATA");
      assert.equal(await resolve(other.place, "unknown.invalid"), "ENOTFOUND");
    } finally {
      await other.close();
    }
  });

  test("answers others while one server is silent", async () => {
    const waiting = resolve(vm.place, "1.silent.example");
    assert.deepEqual(await resolve(vm.place, "one.example"), ["203.0.113.7"]);
    assert.equal(await waiting, "ESERVFAIL");
  });

  test("forgets the names of an endpoint that has gone, and learns new ones", async () => {
    await control.request("endpoint.update", { endpointId: "endpoint-4", names: ["store"] });
    assert.deepEqual(await resolve(vm.place, "pool"), ["172.18.0.3"]);
    assert.deepEqual(await resolve(vm.place, "store"), ["172.18.0.4"]);
    await control.request("endpoint.update", { endpointId: "endpoint-4", up: false });
    assert.equal(await resolve(vm.place, "store"), "ENOTFOUND");
    await control.request("endpoint.remove", { endpointId: "endpoint-3" });
    assert.equal(await resolve(vm.place, "db"), "ENOTFOUND");
  });

  test("follows the host when its resolver changes", async () => {
    writeFileSync(world.resolvConf, "# moved\nnameserver 10.9.9.9\noptions edns0\n");
    // It looks once a second.
    for (let found: unknown; String(found) !== "203.0.113.9"; )
      found = await resolve(vm.place, "one.example");
  });

  test("survives queries that are none", async () => {
    await vm.place.run(async ({ dgram, net, crypto }) => {
      const socket = dgram.createSocket("udp4");
      for (let size = 0; size < 400; size++)
        await new Promise((done) => socket.send(crypto.randomBytes(size), 53, "172.18.0.1", done));
      // An answer, and no question; many questions.
      for (const header of [
        "000181800001000000000000",
        "0002010000ff000000000000",
        "000328000001000000000000",
      ])
        await new Promise((done) =>
          socket.send(Buffer.from(`${header}0000010001`, "hex"), 53, "172.18.0.1", done),
        );
      socket.close();
      for (const bytes of ["ffff00", "0000", "000c000101000001000000000000"]) {
        await new Promise<void>((resolve) => {
          const stream = net.connect(53, "172.18.0.1");
          stream.on("error", () => resolve());
          stream.on("close", () => resolve());
          stream.resume();
          stream.end(Buffer.from(bytes, "hex"));
        });
      }
    });
    assert.deepEqual(await resolve(vm.place, "web"), ["172.18.0.2"]);
  });
});

describe("the DNS of an internal network", () => {
  test("knows its own names and asks nobody, and refuses what the way out is to answer", async () => {
    const world = await World.make();
    await serveNames(world.outside, "192.0.2.2", "203.0.113.7");
    const netd = new Netd({ internal: true }, world.host);
    const control = await netd.control();
    const endpoint = endpointAt(2, ["web"]);
    await control.add(endpoint);
    const inOthers = { ...endpointAt(3), otherResolvers: true };
    await control.add(inOthers);
    const vm = await FakeVm.join(netd, endpoint);
    const both = await FakeVm.join(netd, inOthers);
    try {
      assert.deepEqual(await resolve(vm.place, "web"), ["172.18.0.2"]);
      assert.equal(await resolve(vm.place, "one.example"), "ENOTFOUND");
      assert.deepEqual(await resolve(both.place, "web"), ["172.18.0.2"]);
      for (const name of ["one.example", "elsewhere"])
        assert.equal(await resolve(both.place, name), "EREFUSED");
      assert.equal(await resolve(both.place, "one.example", "AAAA"), "EREFUSED");
      assert.deepEqual(await asked(world.outside, "192.0.2.2"), []);
    } finally {
      await vm.close();
      await both.close();
      await netd.stop();
      await world.close();
    }
  });
});
