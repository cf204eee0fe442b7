import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "../../support/processes.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { nativeDir } from "../vm.ts";
import { type Control, endpointAt, macOf, Netd, NetdError, networkDirectory } from "./netd.ts";
import { RawCard } from "./raw-card.ts";

// The life of a mocker-netd, its two sockets, and what it may do on the host.

async function codeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return "";
  } catch (error) {
    if (error instanceof NetdError) return error.code;
    throw error;
  }
}

describe("mocker-netd", () => {
  test("says who it is", async () => {
    const netd = new Netd();
    const control = await netd.control();
    const { networkId, pid } = netd;
    assert.deepEqual(await control.request("hello"), { version: 1, networkId, pid });
    assert.equal(await netd.stop(), 0);
  });

  test("has sockets for its user only, and takes them away when it is told to end", async () => {
    const netd = new Netd();
    await netd.control();
    for (const name of ["netd.sock", "cards.sock", "netd.lock"])
      assert.equal(statSync(join(netd.directory, name)).mode & 0o777, 0o600, name);
    assert.equal(await netd.stop(), 0);
    assert.deepEqual(readdirSync(netd.directory).sort(), ["netd.json", "netd.lock"]);
    assert.equal(netd.log, "");
  });

  test("refuses other users", async () => {
    const netd = new Netd();
    await netd.control();
    spawnSync("chmod", [
      "777",
      netd.directory,
      ...["netd.sock", "cards.sock"].map((s) => join(netd.directory, s)),
    ]);
    const program = `require("node:net").connect(process.argv[1]).on("close", () => process.exit(7))
      .on("error", (e) => { if (e.code !== "EPIPE" && e.code !== "ECONNRESET") { console.error(e); process.exit(1); } })
      .on("data", () => process.exit(0)).write('{"id":1,"method":"hello"}\\n')`;
    for (const name of ["netd.sock", "cards.sock"]) {
      const args = ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, "-e", program];
      const result = spawnSync("setpriv", [...args, join(netd.directory, name)], { encoding: "utf8" });
      assert.equal(result.status, 7, result.stderr);
    }
    await netd.stop();
  });

  test("is one per network", async () => {
    const netd = new Netd();
    await netd.control();
    const other = new Netd({}, undefined, netd.directory);
    assert.equal(await other.exited, 75);
    // The first one's sockets are still its own.
    await netd.control();
    await netd.stop();
  });

  test("leaves nothing that stops the next one when it is killed", async () => {
    const directory = networkDirectory();
    const first = new Netd({}, undefined, directory);
    await (await first.control()).add(
      endpointAt(2, [], [{ protocol: "tcp", guestPort: 80, hostAddress: "127.0.0.1", hostPort: 0 }]),
    );
    first.process.kill("SIGKILL");
    assert.equal(await first.exited, "SIGKILL");
    assert.ok(existsSync(join(directory, "netd.sock")));
    const second = new Netd({}, undefined, directory);
    assert.deepEqual(await (await second.control()).status(), []);
    await second.stop();
  });

  test("ends when it has been idle", async () => {
    const netd = new Netd({ idleMs: 1000 });
    const control = await netd.control();
    await control.add(endpointAt(2));
    await sleep(1500);
    assert.ok(isAlive(netd.pid));
    await control.request("endpoint.remove", { endpointId: "endpoint-2" });
    assert.equal(await netd.exited, 0);
    assert.ok(!existsSync(join(netd.directory, "netd.sock")));
  });

  test("ends when nobody came", async () => {
    const netd = new Netd({ idleMs: 50 });
    assert.equal(await netd.exited, 0);
  });

  test("says what is wrong with its settings", async () => {
    for (const [settings, said] of [
      [{ version: 2 }, /version 2/],
      [{ subnet: "fd00::/64" }, /subnet/],
      [{ gateway: "10.0.0.1" }, /gateway/],
      [{ mtu: 70_000 }, /mtu/],
      [{ surprise: true }, /surprise/],
    ] as const) {
      const netd = new Netd(settings);
      assert.equal(await netd.exited, 78);
      assert.match(netd.log, said);
    }
    assert.equal(spawnSync(join(nativeDir, "mocker-netd")).status, 64);
    assert.equal(spawnSync(join(nativeDir, "mocker-netd"), [join(tmpDir(), "none")]).status, 78);
  });
});

describe("the jail of mocker-netd", () => {
  let netd: Netd;
  before(async () => {
    netd = new Netd();
    await netd.control();
  });
  after(() => netd?.stop());

  test("has no privileges, no capabilities but one, and a filter, in every thread", () => {
    const netBindService = (1n << 10n).toString(16).padStart(16, "0");
    const tasks = readdirSync(`/proc/${netd.pid}/task`);
    assert.ok(tasks.length > 1);
    for (const task of tasks) {
      const status = readFileSync(`/proc/${netd.pid}/task/${task}/status`, "utf8");
      const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1];
      assert.equal(field("NoNewPrivs"), "1");
      assert.equal(field("Seccomp"), "2");
      for (const set of ["CapEff", "CapPrm", "CapBnd"]) assert.equal(field(set), netBindService, set);
      for (const set of ["CapInh", "CapAmb"]) assert.equal(field(set), "0".repeat(16), set);
      assert.equal(field("Umask"), "0077");
    }
  });

  test("has all descriptors that it may have, and leaves no core", () => {
    const limits = readFileSync(`/proc/${netd.pid}/limits`, "utf8");
    assert.match(limits, /^Max core file size +0 +0 /m);
    const [, soft, hard] = /^Max open files +(\d+) +(\d+) /m.exec(limits) ?? [];
    assert.equal(soft, hard);
  });

  test("has no descriptor that it was not meant to have", async () => {
    const file = join(tmpDir(), "secret");
    const secret = openSync(file, "w+");
    const started = new Netd({}, undefined, networkDirectory(), [secret, secret]);
    closeSync(secret);
    await started.control();
    const open = readdirSync(`/proc/${started.pid}/fd`).map((fd) =>
      readlinkSync(`/proc/${started.pid}/fd/${fd}`),
    );
    assert.ok(!open.includes(file));
    await started.stop();
  });
});

describe("the control socket", () => {
  let netd: Netd;
  let control: Control;
  before(async () => {
    netd = new Netd();
    control = await netd.control();
  });
  after(() => netd?.stop());

  test("tells of endpoints", async () => {
    await control.add({ ...endpointAt(2, ["Web", "web", "alias."]) });
    const { endpointId, mac, address } = endpointAt(2);
    const status = {
      ...{ endpointId, mac, address, names: ["web", "alias"], connected: false, up: true, ports: [] },
      ...{ rxBytes: 0, txBytes: 0, droppedFrames: 0 },
    };
    assert.deepEqual(await control.status(), [status]);
    await control.request("endpoint.update", { endpointId, names: ["other"], up: false });
    assert.deepEqual(await control.status(), [{ ...status, names: ["other"], up: false }]);
    await control.request("endpoint.remove", { endpointId });
    await control.request("endpoint.remove", { endpointId });
    assert.deepEqual(await control.status(), []);
  });

  test("refuses an address that another endpoint or the gateway has", async () => {
    await control.add(endpointAt(2));
    const third = endpointAt(3);
    assert.equal(await codeOf(control.add({ ...third, address: "172.18.0.2" })), "ADDRESS_IN_USE");
    assert.equal(await codeOf(control.add({ ...third, mac: macOf(2) })), "ADDRESS_IN_USE");
    assert.equal(await codeOf(control.add(endpointAt(2))), "ENDPOINT_EXISTS");
    assert.equal(await codeOf(control.request("endpoint.update", { endpointId: "none" })), "NOT_FOUND");
    await control.request("endpoint.remove", { endpointId: "endpoint-2" });
  });

  test("says what is wrong with a request, and serves the next", async () => {
    const good = endpointAt(7);
    const bad: unknown[] = [
      {},
      [],
      null,
      { ...good, endpointId: "" },
      { ...good, endpointId: "../x" },
      { ...good, mac: "02:42" },
      { ...good, mac: "ff:ff:ff:ff:ff:ff" },
      { ...good, mac: "00:00:00:00:00:00" },
      { ...good, mac: "01:00:5e:00:00:01" },
      { ...good, address: "172.19.0.2" },
      { ...good, address: "172.18.0.1" },
      { ...good, address: "172.18.0.0" },
      { ...good, address: "172.18.255.255" },
      { ...good, address: "::1" },
      { ...good, names: [""] },
      { ...good, names: ["a".repeat(254)] },
      { ...good, names: Array.from({ length: 300 }, (_, i) => `n${i}`) },
      { ...good, names: "web" },
      { ...good, upstream: ["dns.example"] },
      { ...good, ports: [{ protocol: "sctp", guestPort: 1, hostAddress: "", hostPort: 0 }] },
      { ...good, ports: [{ protocol: "tcp", guestPort: 0, hostAddress: "", hostPort: 0 }] },
      { ...good, ports: [{ protocol: "tcp", guestPort: 65_536, hostAddress: "", hostPort: 0 }] },
      { ...good, ports: [{ protocol: "tcp", guestPort: -1, hostAddress: "", hostPort: 0 }] },
      { ...good, surprise: 1 },
    ];
    for (const params of bad)
      assert.equal(
        await codeOf(control.request("endpoint.add", params)),
        "INVALID_REQUEST",
        JSON.stringify(params),
      );
    for (const line of [
      "\n",
      "x\n",
      "[]\n",
      '{"id":1}{"id":2}\n',
      '{"method":"hello"}\n',
      '{"id":1,"method":1}\n',
      "\0\n",
    ])
      assert.equal(await codeOf(control.line(line)), "INVALID_REQUEST", line);
    assert.equal(await codeOf(control.request("format.disk")), "UNKNOWN_METHOD");
    assert.deepEqual(await control.status(), []);
  });

  test("ends a connection whose line has no end, and no other", async () => {
    const other = await netd.control();
    assert.equal(await codeOf(other.line("x".repeat(2 << 20))), "CLOSED");
    await control.request("hello");
  });

  test("gives up a client that reads nothing, and no other", async () => {
    const endpoints = Array.from({ length: 100 }, (_, i) => endpointAt(i + 10, ["n".repeat(200)]));
    await Promise.all(endpoints.map((endpoint) => control.add(endpoint)));
    const silent = connect(join(netd.directory, "netd.sock"));
    silent.on("error", () => {});
    silent.pause();
    const closed = new Promise((resolve) => silent.once("close", resolve));
    // More requests than the sockets take: what is left fails when the other side gives up.
    silent.write(`${JSON.stringify({ id: 1, method: "status" })}\n`.repeat(40_000));
    await closed;
    await control.status();
    for (const { endpointId } of endpoints) await control.request("endpoint.remove", { endpointId });
  });
});

describe("the card socket", () => {
  let netd: Netd;
  let control: Control;
  before(async () => {
    netd = new Netd();
    control = await netd.control();
  });
  after(() => netd?.stop());

  test("refuses what is no handshake", async () => {
    for (const line of [
      "\n",
      "{}\n",
      "hello\n",
      '{"version":2,"endpoint":"endpoint-2"}\n',
      '{"version":1,"endpoint":"none"}\n',
      '{"version":1}\n',
      `${"x".repeat(5000)}\n`,
      "\0\0\0\x10",
    ]) {
      const card = new RawCard(netd.cardSocket, "", line);
      if (!line.endsWith("\n")) card.socket.end();
      assert.match((await card.answer) || '{"error":"closed"}', /^\{"error":"/);
      await card.closed;
    }
  });

  test("gives up a handshake that does not come", async () => {
    const card = new RawCard(netd.cardSocket, "", '{"version":1');
    assert.match(await card.answer, /^\{"error":"/);
    await card.closed;
  });

  test("has one card for each endpoint, and removes the endpoint with it", async () => {
    const endpoint = endpointAt(2);
    await control.add(endpoint);
    const card = new RawCard(netd.cardSocket, endpoint.endpointId);
    assert.equal(await card.answer, '{"ok":true}');
    const second = new RawCard(netd.cardSocket, endpoint.endpointId);
    assert.match(await second.answer, /"error":".*has a card/);
    await second.closed;
    assert.deepEqual(
      (await control.status()).map(({ connected }) => connected),
      [true],
    );
    card.close();
    while ((await control.status()).length > 0) await sleep(5);
    assert.deepEqual(control.events, [{ event: "endpoint.removed", endpointId: endpoint.endpointId }]);
  });

  test("ends the card of an endpoint that is removed", async () => {
    const endpoint = endpointAt(3);
    await control.add(endpoint);
    const card = new RawCard(netd.cardSocket, endpoint.endpointId);
    assert.equal(await card.answer, '{"ok":true}');
    await control.request("endpoint.remove", { endpointId: endpoint.endpointId });
    await card.closed;
    await control.status();
    assert.ok(!control.events.some(({ endpointId }) => endpointId === endpoint.endpointId));
  });
});
