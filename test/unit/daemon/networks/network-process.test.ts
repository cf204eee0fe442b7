import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { NetworkProcess } from "../../../../engine/daemon/networks/network-process.ts";
import type { NetworkRecord } from "../../../../engine/daemon/networks/network-record.ts";
import { shortTmpDir } from "../../../support/tmp-dir.ts";
import { FakeNetds, netdError } from "./fake-netd.ts";

const record: NetworkRecord = {
  version: 1,
  id: "ab".repeat(32),
  name: "web",
  createdAt: "2026-01-01T00:00:00Z",
  driver: "bridge",
  subnet: "172.18.0.0/16",
  gateway: "172.18.0.1",
  internal: true,
  attachable: false,
  labels: {},
  options: {},
};

const endpoint = { endpointId: "e1", mac: "02:42:ac:12:00:02", address: "172.18.0.2", names: ["db"] };

class Setup {
  readonly dir = shortTmpDir();
  readonly netds = new FakeNetds();
  readonly removed: string[] = [];
  disconnects = 0;
  #waiting: (() => void) | undefined;

  process(timeoutMs = 10_000): NetworkProcess {
    return new NetworkProcess({
      record,
      runDir: this.dir,
      launcher: this.netds,
      timeoutMs,
      onDisconnect: () => {
        this.disconnects++;
        this.#waiting?.();
      },
      onEndpointRemoved: (endpointId) => {
        this.removed.push(endpointId);
        this.#waiting?.();
      },
    });
  }

  /** Resolves at the next disconnect or removal. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  get networkDir(): string {
    return join(this.dir, "net", record.id.slice(0, 12));
  }
}

test("the process is started with the network's configuration, once, in a directory that is nobody else's", async () => {
  const setup = new Setup();
  const network = setup.process();
  assert.equal(network.runs, false);
  await Promise.all([network.addEndpoint(endpoint), network.addEndpoint({ ...endpoint, endpointId: "e2" })]);
  assert.equal(setup.netds.netds.length, 1);
  assert.deepEqual(setup.netds.last.config, {
    version: 1,
    networkId: record.id,
    name: "web",
    subnet: "172.18.0.0/16",
    gateway: "172.18.0.1",
    mtu: 65_520,
    internal: true,
    socketPath: join(setup.networkDir, "netd.sock"),
    cardSocketPath: network.cardSocketPath,
    lockPath: join(setup.networkDir, "netd.lock"),
    idleMs: 10_000,
  });
  assert.equal(statSync(setup.networkDir).mode & 0o777, 0o700);
  assert.equal(statSync(join(setup.networkDir, "netd.json")).mode & 0o777, 0o600);
  assert.equal(network.pid, 4711);
});

test("ports come back as they were bound, and an error as it was", async () => {
  const setup = new Setup();
  const network = setup.process();
  const port = { protocol: "tcp", guestPort: 80, hostAddress: "", hostPort: 8080 } as const;
  assert.deepEqual(await network.addEndpoint({ ...endpoint, ports: [port] }), [
    { ...port, hostAddress: "0.0.0.0" },
    { ...port, hostAddress: "::" },
  ]);
  setup.netds.last.die();
  setup.netds.script = {
    answers: { "endpoint.add": () => netdError("PORT_IN_USE", "taken", { hostPort: 8080 }) },
  };
  await assert.rejects(network.addEndpoint(endpoint), { code: "PORT_IN_USE", details: { hostPort: 8080 } });
});

test("a process that another engine started is adopted, not started again", async () => {
  const setup = new Setup();
  await setup.process().addEndpoint(endpoint);
  const successor = setup.process();
  assert.deepEqual(
    (await successor.status())?.map(({ endpointId }) => endpointId),
    ["e1"],
  );
  assert.equal(setup.netds.netds.length, 1);
});

test("a process that ends just when it is asked is followed by another, which is asked again", async () => {
  const setup = new Setup();
  const network = setup.process();
  setup.netds.script = {
    answers: {
      "endpoint.add": (_, netd) => {
        netd.die();
        setup.netds.script = {};
        return undefined;
      },
    },
  };
  await network.addEndpoint(endpoint);
  assert.equal(setup.netds.netds.length, 2);
  assert.ok(setup.netds.last.endpoints.has("e1"));
});

test("the end of the process is heard of, and nothing is started to see what is left", async () => {
  const setup = new Setup();
  const network = setup.process();
  await network.addEndpoint(endpoint);
  const heard = setup.next();
  setup.netds.last.die();
  await heard;
  assert.equal(setup.disconnects, 1);
  assert.equal(await network.status(), undefined);
  assert.equal(network.pid, undefined);
  await network.removeEndpoint("e1");
  assert.equal(setup.netds.netds.length, 1);
});

test("an endpoint that was dropped is told of", async () => {
  const setup = new Setup();
  await setup.process().addEndpoint(endpoint);
  const heard = setup.next();
  setup.netds.last.tell({ event: "endpoint.removed", endpointId: "e1" });
  await heard;
  assert.deepEqual(setup.removed, ["e1"]);
});

for (const [what, script, message] of [
  [
    "ends at once",
    { exits: { code: 1, log: "starting\nno such file\n" } },
    /network web does not work: no such file/,
  ],
  ["never listens", { listens: false }, /its process does not listen within/],
  ["does not answer", { answers: { hello: () => undefined } }, /it did not answer hello within/],
  [
    "is another network's",
    { answers: { hello: () => ({ version: 1, networkId: "x" }) } },
    /of another network/,
  ],
  ["speaks another version", { answers: { hello: () => ({ version: 2 }) } }, /it speaks version 2/],
  ["says no JSON", { answers: { hello: () => "what?\n" } }, /it says what makes no sense/],
  ["never ends its line", { answers: { hello: () => "x".repeat(2 ** 21) } }, /it says too much at once/],
  ["binds what is no port", { answers: { "endpoint.add": () => ({ ports: [1] }) } }, /makes no sense/],
] as const) {
  test(`a process that ${what} fails the start, in limited time`, async () => {
    const setup = new Setup();
    setup.netds.script = script;
    // Only silence is waited for to the end.
    const limitMs = message.source.endsWith("within") ? 150 : 30_000;
    await assert.rejects(setup.process(limitMs).addEndpoint(endpoint), { code: "NETWORK_FAILED", message });
  });
}

test("a process that does not answer a removal holds nobody up", async () => {
  const setup = new Setup();
  setup.netds.script = { answers: { "endpoint.remove": () => undefined } };
  const network = setup.process(150);
  await network.addEndpoint(endpoint);
  await assert.rejects(network.removeEndpoint("e1"), { code: "NETWORK_FAILED" });
});

test("its log does not grow without bound", async () => {
  const setup = new Setup();
  const network = setup.process();
  await network.addEndpoint(endpoint);
  const log = join(setup.networkDir, "netd.log");
  writeFileSync(log, "x".repeat(2 ** 20 + 1));
  setup.netds.last.die();
  await network.addEndpoint(endpoint);
  assert.equal(readFileSync(`${log}.1`).length, 2 ** 20 + 1);
  assert.throws(() => statSync(log));
});
