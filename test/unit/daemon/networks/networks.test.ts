import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EventLog } from "../../../../engine/daemon/events/event-log.ts";
import { Log } from "../../../../engine/daemon/log.ts";
import { Networks } from "../../../../engine/daemon/networks/networks.ts";
import { parseSubnet } from "../../../../engine/docker/ipv4.ts";
import type { NetworkChange } from "../../../../engine/protocol/network.ts";
import type { Network, NetworkCreateParams } from "../../../../engine/protocol/vm.ts";
import { retry } from "../../../support/retry.ts";
import { shortTmpDir } from "../../../support/tmp-dir.ts";
import { FakeNetds, netdError } from "./fake-netd.ts";

const config = { dns: {}, extraHosts: [], exposedPorts: [], publishAll: false, ports: [] };

function inNetwork(network: string, more: Partial<{ address: string; links: string[] }> = {}): Network {
  return { mode: "networks", attachments: [{ network, ...more }] };
}

class Setup {
  readonly dir: string;
  readonly netds: FakeNetds;
  readonly changes: NetworkChange[] = [];
  readonly users: { vm: { id: string; name: string }; network: Network }[] = [];
  readonly networks: Networks;
  routes = ["192.168.0.0/16"];
  hostAddress = "";

  constructor(predecessor?: Setup) {
    this.dir = predecessor?.dir ?? shortTmpDir();
    this.netds = predecessor?.netds ?? new FakeNetds();
    this.networks = new Networks({
      dir: join(this.dir, "networks"),
      runDir: this.dir,
      launcher: this.netds,
      events: new EventLog(),
      log: new Log(join(this.dir, "engine.jsonl"), "error"),
      users: () => this.users,
      defaultHostAddress: () => this.hostAddress,
      routes: async () => this.routes.flatMap((text) => parseSubnet(text) ?? []),
    });
    this.networks.onDidChange((change) => this.changes.push(change));
  }

  static async create(): Promise<Setup> {
    const setup = new Setup();
    await setup.networks.recover();
    return setup;
  }

  vm(name: string): { id: string; name: string } {
    return { id: Buffer.from(name.padEnd(32, ".")).toString("hex"), name };
  }

  async subnetOf(name: string): Promise<string> {
    return (await this.networks.inspect({ network: name })).subnet;
  }
}

test("the default network is there when it is asked for, beside Docker's others, and is found again", async () => {
  const setup = await Setup.create();
  assert.deepEqual(readdirSync(join(setup.dir, "networks")), []);
  const names = (await setup.networks.list({})).map(({ name, driver }) => [name, driver]);
  assert.deepEqual(names, [
    ["bridge", "bridge"],
    ["host", "host"],
    ["none", "null"],
  ]);
  const { id } = await setup.networks.inspect({ network: "bridge" });
  const again = new Setup(setup);
  await again.networks.recover();
  assert.equal((await again.networks.inspect({ network: id.slice(0, 10) })).name, "bridge");
});

test("networks get subnets that neither the host nor another network has", async () => {
  const setup = await Setup.create();
  setup.routes = ["172.17.0.0/16", "172.19.5.0/24"];
  await setup.networks.create({ name: "one" });
  await setup.networks.create({ name: "two" });
  assert.deepEqual(
    [await setup.subnetOf("one"), await setup.subnetOf("two")],
    ["172.18.0.0/16", "172.20.0.0/16"],
  );
  await Promise.all([setup.networks.create({ name: "three" }), setup.networks.create({ name: "four" })]);
  assert.notEqual(await setup.subnetOf("three"), await setup.subnetOf("four"));
});

for (const [what, params, message] of [
  ["the name of another", { name: "web" }, "network with name web already exists"],
  ["a built-in name", { name: "host" }, "operation is not permitted on predefined host network"],
  ["the name of a mode", { name: "passt" }, "operation is not permitted on predefined passt network"],
  ["a bad name", { name: "a b" }, /includes invalid characters for a network name/],
  ["another driver", { name: "x", driver: "macvlan" }, 'plugin "macvlan" not found'],
  [
    "a subnet of another",
    { name: "x", subnet: "10.5.0.0/16" },
    "invalid pool request: Pool overlaps with other one on this address space",
  ],
  ["no subnet", { name: "x", subnet: "ten" }, "invalid subnet ten: invalid CIDR block notation"],
  [
    "a subnet with a host part",
    { name: "x", subnet: "10.6.0.1/16" },
    "invalid network config: invalid subnet 10.6.0.1/16: it should be 10.6.0.0/16",
  ],
  [
    "an IPv6 subnet",
    { name: "x", subnet: "fd00::/64" },
    "invalid subnet fd00::/64: IPv6 is not supported yet",
  ],
  [
    "loopback addresses",
    { name: "x", subnet: "127.0.0.0/8" },
    "invalid subnet 127.0.0.0/8: its addresses are reserved",
  ],
  [
    "a gateway alone",
    { name: "x", gateway: "10.6.0.1" },
    "every ip-range or gateway must have a corresponding subnet",
  ],
  [
    "a gateway elsewhere",
    { name: "x", subnet: "10.6.0.0/16", gateway: "10.7.0.1" },
    "no matching subnet for gateway 10.7.0.1",
  ],
  [
    "a range elsewhere",
    { name: "x", subnet: "10.6.0.0/16", ipRange: "10.7.0.0/24" },
    "no matching subnet for range 10.7.0.0/24",
  ],
] as [string, NetworkCreateParams, string | RegExp][]) {
  test(`a network with ${what} is refused in Docker's words`, async () => {
    const setup = await Setup.create();
    await setup.networks.create({ name: "web", subnet: "10.5.0.0/24" });
    await assert.rejects(setup.networks.create(params), { message });
  });
}

test("a network in use is not removed, a built-in one never, and one that is gone is not found", async () => {
  const setup = await Setup.create();
  const { id } = await setup.networks.create({ name: "web" });
  const connection = await setup.networks.connect(setup.vm("db"), { ...config, network: inNetwork("web") });
  await assert.rejects(setup.networks.remove({ network: "web" }), {
    code: "NETWORK_IN_USE",
    message: /^error while removing network: network web has active endpoints \(name:"\w+" id:"\w{12}"\)$/,
  });
  await connection.close();
  assert.deepEqual(await setup.networks.remove({ network: id }), { id });
  await assert.rejects(setup.networks.remove({ network: "web" }), {
    code: "NETWORK_NOT_FOUND",
    message: "network web not found",
  });
  for (const name of ["bridge", "none", "host"]) {
    await assert.rejects(setup.networks.remove({ network: name }), {
      message: `${name} is a pre-defined network and cannot be removed`,
    });
  }
  assert.deepEqual(
    setup.changes.map(({ kind, name }) => `${kind} ${name}`),
    ["created web", "connected web", "removed web", "created bridge"],
  );
});

test("a record that cannot be read blocks nothing, is shown, and can be removed", async () => {
  const setup = await Setup.create();
  await setup.networks.create({ name: "good" });
  const broken = "cd".repeat(32);
  writeFileSync(join(setup.dir, "networks", `${broken}.json`), "{");
  const after = new Setup(setup);
  await after.networks.recover();
  const { name, problem } = await after.networks.inspect({ network: broken });
  assert.deepEqual([name, /is not valid JSON/.test(problem ?? "")], [broken.slice(0, 12), true]);
  await assert.rejects(after.networks.resolve(broken), { code: "STATE_CORRUPT" });
  assert.equal((await after.networks.resolve("good")).name, "good");
  await after.networks.remove({ network: broken });
  await assert.rejects(after.networks.inspect({ network: broken }), { code: "NETWORK_NOT_FOUND" });
});

test("a network whose record is damaged keeps its name, as far as that can be read, and the check names it", async () => {
  const setup = await Setup.create();
  const { id } = await setup.networks.create({ name: "web" });
  const path = join(setup.dir, "networks", `${id}.json`);
  const whole = readFileSync(path, "utf8");
  for (const damaged of [whole.replace(/"labels": \{\}/, '"labels": 0'), whole.slice(0, whole.length - 20)]) {
    writeFileSync(path, damaged);
    const after = new Setup(setup);
    await after.networks.recover();
    await assert.rejects(after.networks.create({ name: "web" }), { code: "NETWORK_NAME_IN_USE" });
    const [problem, ...others] = after.networks.check();
    assert.deepEqual([problem?.subject, problem?.severity, others], ["network web", "error", []]);
  }
  const last = new Setup(setup);
  await last.networks.recover();
  await last.networks.remove({ network: "web" });
  assert.deepEqual(last.networks.check(), []);
  await last.networks.create({ name: "web" });
});

test("the directory of a network goes with it, or with the next engine when its process was still there", async () => {
  const setup = await Setup.create();
  const { id } = await setup.networks.create({ name: "web" });
  const connection = await setup.networks.connect(setup.vm("db"), { ...config, network: inNetwork("web") });
  await connection.close();
  await setup.networks.remove({ network: "web" });
  const left = (): string[] => readdirSync(join(setup.dir, "net"));
  assert.deepEqual(left(), [id.slice(0, 12)]);
  await new Setup(setup).networks.recover();
  assert.deepEqual(left(), [id.slice(0, 12)], "its process lives");
  setup.netds.last.die();
  await new Setup(setup).networks.recover();
  assert.deepEqual(left(), []);
});

test("what a previous engine made for a VM that it did not live to start is removed by the next", async () => {
  const setup = await Setup.create();
  await setup.networks.create({ name: "web" });
  for (const name of ["runs", "booting", "orphan"])
    await setup.networks.connect(setup.vm(name), { ...config, network: inNetwork("web") });
  const netd = setup.netds.last;
  const [runs, booting] = [...netd.endpoints.values()];
  for (const endpoint of netd.endpoints.values()) Object.assign(endpoint, { connected: endpoint === runs });
  const next = new Setup(setup);
  await next.networks.recover();
  const { id = "" } = (await next.networks.list({})).find(({ name }) => name === "web") ?? {};
  const record = {
    ...{ networkId: id, network: "web", endpointId: booting?.endpointId ?? "", mac: "02:42:ac:12:00:03" },
    ...{ address: "172.18.0.3", prefixLength: 16, gateway: "172.18.0.1", mtu: 65520, isDefaultRoute: true },
    ...{ names: [], ports: [] },
  };
  await next.networks.adopt(next.vm("booting"), [record]);
  next.networks.removeOrphans();
  await retry(() => netd.endpoints.size === 2, { what: "the orphan's end" });
  assert.deepEqual([...netd.endpoints.keys()], [runs?.endpointId, booting?.endpointId]);
});

test("a prune leaves what a VM is made for, runs in, or a filter spares", async () => {
  const setup = await Setup.create();
  for (const name of ["used", "running", "kept", "old"])
    await setup.networks.create({ name, labels: name === "kept" ? { keep: "" } : {} });
  setup.users.push({ vm: setup.vm("db"), network: inNetwork("used") });
  await setup.networks.connect(setup.vm("web"), { ...config, network: inNetwork("running") });
  assert.deepEqual(await setup.networks.prune({ filters: { "label!": ["keep"] } }), { deleted: ["old"] });
  assert.deepEqual(await setup.networks.prune({}), { deleted: ["kept"] });
  await assert.rejects(setup.networks.prune({ filters: { name: ["x"] } }), {
    message: "invalid filter 'name'",
  });
});

test("lists are filtered as Docker filters them", async () => {
  const setup = await Setup.create();
  await setup.networks.create({ name: "web_front", labels: { tier: "web" } });
  const names = async (filters: Record<string, string[]>): Promise<string> =>
    (await setup.networks.list({ filters })).map(({ name }) => name).join(" ");
  assert.equal(await names({ name: ["front"] }), "web_front");
  assert.equal(await names({ label: ["tier=web"] }), "web_front");
  assert.equal(await names({ driver: ["null"] }), "none");
  assert.equal(await names({ type: ["builtin"] }), "bridge host none");
  assert.equal(await names({ type: ["custom"], scope: ["local"] }), "web_front");
  assert.equal(await names({ dangling: ["true"] }), "web_front");
  await assert.rejects(names({ foo: ["x"] }), { message: "invalid filter 'foo'" });
  await assert.rejects(names({ type: ["x"] }), { message: "invalid filter: 'type'='x'" });
});

test("addresses go up from the lowest, are those wanted, and leave out what others want", async () => {
  const setup = await Setup.create();
  await setup.networks.create({ name: "web", subnet: "10.9.0.0/24" });
  setup.users.push({ vm: setup.vm("asleep"), network: inNetwork("web", { address: "10.9.0.3" }) });
  const join = async (name: string, network: Network): Promise<string | undefined> =>
    (await setup.networks.connect(setup.vm(name), { ...config, network })).endpoints[0]?.address;
  assert.equal(await join("first", inNetwork("web")), "10.9.0.2");
  assert.equal(await join("second", inNetwork("web")), "10.9.0.4");
  assert.equal(await join("fixed", inNetwork("web", { address: "10.9.0.9" })), "10.9.0.9");
  for (const [address, message] of [
    ["10.9.0.9", "Address already in use"],
    ["10.9.0.1", "Address already in use"],
    ["10.8.0.1", "no configured subnet contains IP address 10.8.0.1"],
    ["x", "invalid IPv4 address: x"],
  ] as const)
    await assert.rejects(join("late", inNetwork("web", { address })), { message });
});

test("an address that the network's process has given away is passed over", async () => {
  const setup = await Setup.create();
  setup.netds.script = {
    answers: {
      "endpoint.add": (params, netd) =>
        params.address === "172.17.0.2"
          ? netdError("ADDRESS_IN_USE", "taken")
          : netd.answer("endpoint.add", params),
    },
  };
  const { endpoints } = await setup.networks.connect(setup.vm("db"), {
    ...config,
    network: inNetwork("bridge"),
  });
  assert.equal(endpoints[0]?.address, "172.17.0.3");
});

const published = { protocol: "tcp", guestPort: 80, hostPort: 8080 } as const;

test("a port of another VM is refused with its name, before anything is started", async () => {
  const setup = await Setup.create();
  await setup.networks.create({ name: "other" });
  await setup.networks.connect(setup.vm("web"), {
    ...config,
    network: inNetwork("bridge"),
    ports: [published],
  });
  for (const hostAddress of ["", "0.0.0.0", "::1", "127.0.0.1"]) {
    await assert.rejects(
      setup.networks.connect(setup.vm("late"), {
        ...config,
        network: inNetwork("other"),
        ports: [{ ...published, hostAddress }],
      }),
      {
        code: "PORT_IN_USE",
        message: /on endpoint late \([0-9a-f]{64}\): Bind for .*8080 failed: port is already allocated/,
        hint: /The VM web has it/,
      },
    );
  }
  assert.equal(setup.netds.netds.length, 1);
  const udp = { ...published, protocol: "udp" } as const;
  await setup.networks.connect(setup.vm("late"), { ...config, network: inNetwork("other"), ports: [udp] });
});

test("a range of host ports is tried until one is free", async () => {
  const setup = await Setup.create();
  await setup.networks.connect(setup.vm("web"), {
    ...config,
    network: inNetwork("bridge"),
    ports: [published],
  });
  setup.netds.last.die();
  setup.netds.script = {
    answers: {
      "endpoint.add": (params, netd) => {
        const [port] = params.ports as { hostPort: number }[];
        return port?.hostPort === 8081
          ? netdError("PORT_IN_USE", "taken", { protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 8081 })
          : netd.answer("endpoint.add", params);
      },
    },
  };
  const ranged = { ...published, hostPort: 8081, hostPortEnd: 8082 };
  const connection = await setup.networks.connect(setup.vm("late"), {
    ...config,
    network: inNetwork("bridge"),
    ports: [ranged],
  });
  assert.deepEqual(
    connection.ports([]).map(({ host }) => host?.port),
    [8082, 8082],
  );
});

test("ports go to the way out, with -P all that are exposed, where the settings or the network say", async () => {
  const setup = await Setup.create();
  setup.hostAddress = "127.0.0.1";
  await setup.networks.create({ name: "inner", internal: true });
  await setup.networks.create({
    name: "local",
    options: { "com.docker.network.bridge.host_binding_ipv4": "127.0.0.5" },
  });
  const connection = await setup.networks.connect(setup.vm("web"), {
    ...config,
    network: { mode: "networks", attachments: [{ network: "inner" }, { network: "bridge" }] },
    exposedPorts: ["80/tcp", "53/udp", "99/sctp"],
    publishAll: true,
    ports: [published],
  });
  assert.deepEqual(
    connection.endpoints.map(({ network, isDefaultRoute, ports }) => [network, isDefaultRoute, ports.length]),
    [
      ["inner", false, 0],
      ["bridge", true, 2],
    ],
  );
  assert.deepEqual(connection.ports([])[0]?.host, { address: "127.0.0.1", port: 8080 });
  assert.deepEqual(connection.nameservers({}), ["172.19.0.1", "172.17.0.1"]);
  const local = await setup.networks.connect(setup.vm("db"), {
    ...config,
    network: inNetwork("local"),
    ports: [published],
  });
  assert.equal(local.ports([])[0]?.host?.address, "127.0.0.5");
});

test("a VM in several networks has the resolvers of all, which know that and whom the user wants asked", async () => {
  const setup = await Setup.create();
  await setup.networks.create({ name: "web" });
  const dns = { servers: ["9.9.9.9"] };
  const connection = await setup.networks.connect(setup.vm("app"), {
    ...config,
    network: { mode: "networks", attachments: [{ network: "bridge" }, { network: "web" }] },
    dns,
  });
  assert.equal(connection.nameservers(dns).length, 2);
  const added = setup.netds.netds.flatMap(({ endpoints }) => [...endpoints.values()]);
  assert.deepEqual(
    added.map(({ upstream, otherResolvers }) => [upstream, otherResolvers]),
    [
      [["9.9.9.9"], true],
      [["9.9.9.9"], true],
    ],
  );
});

test("what goes into the guest's files: resolvers, hosts, links", async () => {
  const setup = await Setup.create();
  await setup.networks.create({ name: "web", subnet: "10.9.0.0/24" });
  await setup.networks.connect(setup.vm("db"), { ...config, network: inNetwork("web") });
  const connection = await setup.networks.connect(setup.vm("app"), {
    ...config,
    network: inNetwork("web", { links: ["db:database"] }),
    dns: { servers: ["9.9.9.9"] },
    extraHosts: ["host.docker.internal:host-gateway", "other:10.0.0.9"],
  });
  assert.deepEqual(connection.nameservers({ servers: ["9.9.9.9"] }), ["10.9.0.1"]);
  const [added] = [...setup.netds.last.endpoints.values()].slice(-1);
  assert.deepEqual(
    [added?.upstream, added?.hostGateway, added?.otherResolvers],
    [["9.9.9.9"], true, undefined],
  );
  assert.deepEqual(connection.hosts(["host.docker.internal:host-gateway", "other:10.0.0.9"]), [
    ["10.9.0.1", "host.docker.internal"],
    ["10.0.0.9", "other"],
    ["10.9.0.2", "database"],
    ["10.9.0.2", setup.vm("db").id.slice(0, 12)],
    ["10.9.0.2", "db"],
  ]);
  const onBridge = await setup.networks.connect(setup.vm("plain"), {
    ...config,
    network: inNetwork("bridge"),
  });
  assert.deepEqual(onBridge.nameservers({ servers: ["9.9.9.9"] }), ["9.9.9.9"]);
  await assert.rejects(
    setup.networks.connect(setup.vm("late"), { ...config, network: inNetwork("web", { links: ["gone"] }) }),
    { message: "Cannot link to a non running container: /gone AS /late/gone" },
  );
});

test("a VM is in all of its networks or in none", async () => {
  const setup = await Setup.create();
  await setup.networks.create({ name: "one" });
  await setup.networks.create({ name: "two" });
  setup.netds.script = {
    answers: {
      "endpoint.add": (params, netd) =>
        netd.config.name === "two" ? netdError("INTERNAL", "no") : netd.answer("endpoint.add", params),
    },
  };
  const network: Network = { mode: "networks", attachments: [{ network: "one" }, { network: "two" }] };
  await assert.rejects(setup.networks.connect(setup.vm("db"), { ...config, network }), {
    code: "NETWORK_FAILED",
  });
  for (const { endpoints } of setup.netds.netds) assert.equal(endpoints.size, 0);
  await setup.networks.remove({ network: "one" });
});

test("--network host is the default network, with a warning, and names are those of networks", async () => {
  const setup = await Setup.create();
  const { id } = await setup.networks.create({ name: "web" });
  const host = await setup.networks.choose(inNetwork("host"));
  assert.deepEqual(host.network, inNetwork("bridge"));
  assert.match(host.warnings.join(), /--network host: a VM has a network of its own/);
  assert.deepEqual((await setup.networks.choose(inNetwork(id.slice(0, 8)))).network, inNetwork("web"));
  assert.deepEqual((await setup.networks.choose(undefined)).network, inNetwork("bridge"));
  await assert.rejects(setup.networks.choose(inNetwork("nosuch")), { message: "network nosuch not found" });
  await assert.rejects(setup.networks.resolve("passt"), { hint: /for one VM: mocker run --network passt$/ });
  await assert.rejects(setup.networks.choose(inNetwork("bridge", { address: "172.17.0.9" })), {
    message: "user specified IP address is supported on user defined networks only",
  });
});
