import assert from "node:assert/strict";
import { test } from "node:test";
import type { VmCreateParams } from "../../../../engine/protocol/vm.ts";
import { FakeVms } from "./fake-vms.ts";

const onBridge = { mode: "networks", attachments: [{ network: "bridge" }] };

/** A port of the guest's that is not published now. */
const exposed = { protocol: "tcp", guestPort: 80 };

/** The network's events, by their actions. */
function networkActions(vms: FakeVms): string[] {
  return vms.events.between().flatMap(({ type, action }) => (type === "network" ? [action] : []));
}

test("a VM is started with a card in the default network, which its guest sets up, and leaves it at its end", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run({
    domainname: "corp",
    extraHosts: ["x:10.0.0.1"],
    exposedPorts: ["80/tcp"],
  });
  assert.deepEqual(vm.config.network, onBridge);
  const [endpoint] = vms.manager.inspect({ vm: "box" }).endpoints;
  assert.ok(endpoint?.endpointId);
  assert.equal(endpoint.networkId, vms.networks.idOf("bridge"));
  const [card] = monitor.spec.cards ?? [];
  assert.ok(card && "endpointId" in card);
  assert.deepEqual([card.endpointId, card.mac], [endpoint.endpointId, "02:42:ac:11:00:02"]);
  const { interfaces, dns, hosts, domainname } = await monitor.request("configure");
  assert.deepEqual(interfaces, [
    { mac: "02:42:ac:11:00:02", address: "172.17.0.2/16", gateway: "172.17.0.1", mtu: 65_520 },
  ]);
  assert.deepEqual((dns as { servers: string[] }).servers, ["172.17.0.1"]);
  assert.deepEqual([hosts, domainname], [[["10.0.0.1", "x"]], "corp"]);
  assert.deepEqual(vm.summary().ports, [{ protocol: "tcp", guestPort: 80 }]);
  await vms.manager.stop({ vm: "box" });
  assert.equal(vms.netds.last.endpoints.size, 0);
  assert.deepEqual(networkActions(vms), ["create", "connect", "disconnect"]);
  assert.deepEqual([vm.summary().ports, vm.details().endpoints[0]?.endpointId], [[], undefined]);
});

test("a VM without a network has no card, and no network is started", async () => {
  const vms = new FakeVms();
  const { monitor } = await vms.run({ network: { mode: "none" } });
  assert.deepEqual(monitor.spec.cards, []);
  assert.deepEqual(vms.netds.netds, []);
});

test("a start that fails has left its networks, and its ports are free", async () => {
  const vms = new FakeVms();
  vms.launcher.script = { answers: { start: () => ({ error: { code: "NOT_FOUND", message: "no" } }) } };
  await vms.create({ ports: [{ protocol: "tcp", guestPort: 80, hostPort: 8080 }] });
  await assert.rejects(vms.manager.start({ vm: "box" }), { code: "COMMAND_NOT_FOUND" });
  assert.equal(vms.netds.last.endpoints.size, 0);
  vms.launcher.script = {};
  await vms.manager.start({ vm: "box" });
  assert.equal(vms.manager.find("box").summary().ports.length, 2);
});

test("a port that is taken fails the start and leaves the VM as it was", async () => {
  const vms = new FakeVms();
  const ports = [{ protocol: "tcp", guestPort: 80, hostPort: 8080 }] as const;
  await vms.run({ ports: [...ports] });
  const late = await vms.create({ name: "late", ports: [...ports] });
  await assert.rejects(vms.manager.start({ vm: "late" }), { code: "PORT_IN_USE" });
  assert.deepEqual([late.state, late.busy, vms.launcher.monitors.length], ["created", false, 1]);
});

test("the next engine knows the networks and ports of VMs that run, and what has gone meanwhile", async () => {
  const before = new FakeVms();
  await before.networks.recover();
  const { monitor } = await before.run({ ports: [{ protocol: "tcp", guestPort: 80, hostPort: 8080 }] });
  monitor.writeRuntime();
  monitor.main = "running";
  const endpoints = before.manager.inspect({ vm: "box" }).endpoints;
  const after = new FakeVms(before);
  await after.recover();
  assert.deepEqual(after.manager.inspect({ vm: "box" }).endpoints, endpoints);
  assert.equal(after.manager.find("box").summary().ports.length, 2);

  before.netds.last.die();
  const later = new FakeVms(before);
  await later.recover();
  const [lost] = later.manager.inspect({ vm: "box" }).endpoints;
  assert.equal(lost?.problem, "the process of the network bridge has ended");
  assert.deepEqual(
    [later.manager.find("box").state, later.manager.find("box").summary().ports],
    ["running", [exposed]],
  );
  assert.deepEqual(networkActions(later), ["die"]);
});

test("a network that loses its process says so in an event, and the VM's next start has a new one", async () => {
  const vms = new FakeVms();
  await vms.run();
  const lost = new Promise<void>((resolve) => {
    vms.networks.onDidChange(({ kind }) => {
      if (kind === "failed") resolve();
    });
  });
  vms.netds.last.die();
  await lost;
  assert.match(vms.manager.inspect({ vm: "box" }).endpoints[0]?.problem ?? "", /has ended/);
  await vms.manager.stop({ vm: "box" });
  await vms.manager.start({ vm: "box" });
  assert.equal(vms.manager.inspect({ vm: "box" }).endpoints[0]?.problem, undefined);
  assert.equal(vms.netds.netds.length, 2);
});

test("a connection that breaks loses nothing where the process lives on", async () => {
  const vms = new FakeVms();
  await vms.run();
  const netd = vms.netds.last;
  const asked = netd.requests.length;
  netd.hangUp();
  while (!netd.methods().slice(asked).includes("status"))
    await new Promise((resolve) => setImmediate(resolve));
  await vms.create({ name: "next" });
  await vms.manager.start({ vm: "next" });
  assert.equal(vms.manager.inspect({ vm: "box" }).endpoints[0]?.problem, undefined);
  assert.equal(vms.netds.netds.length, 1);
});

test("a VM that does not run is connected and disconnected for its next start", async () => {
  const vms = new FakeVms();
  const vm = await vms.create();
  await vms.networks.create({ name: "web" });
  await vms.manager.connect({ network: "web", vm: "box" });
  // As in Docker, what is said last counts.
  await vms.manager.connect({ network: "web", vm: "box", aliases: ["site"] });
  await vms.manager.disconnect({ network: "bridge", vm: "box" });
  await assert.rejects(vms.manager.disconnect({ network: "bridge", vm: "box" }), {
    message: `container ${vm.id} is not connected to the network bridge`,
  });
  const network = { mode: "networks", attachments: [{ network: "web", aliases: ["site"] }] };
  assert.deepEqual([vm.config.network, (await vm.files.readConfig())?.network], [network, network]);
  await vms.manager.start({ vm: "box" });
  const [endpoint] = [...vms.netds.last.endpoints.values()];
  assert.deepEqual(endpoint?.names, ["box", "site", vm.id.slice(0, 12)]);
  await vms.manager.stop({ vm: "box" });
  await vms.networks.remove({ network: "web" });
  await vms.manager.disconnect({ network: "web", vm: "box", force: true });
  assert.deepEqual(vm.config.network, { mode: "none" });
});

test("a VM that runs is unplugged and plugged in within the cards it has", async () => {
  const vms = new FakeVms();
  const { vm } = await vms.run({ ports: [{ protocol: "tcp", guestPort: 80 }] });
  await vms.networks.create({ name: "web" });
  await vms.manager.disconnect({ network: "bridge", vm: "box" });
  assert.deepEqual([vm.summary().ports, vm.details().endpoints], [[], []]);
  assert.deepEqual((await vm.files.readConfig())?.network, { mode: "none" });
  assert.deepEqual((await vms.networks.inspect({ network: "bridge" })).endpoints, []);
  await vms.manager.connect({ network: "bridge", vm: "box" });
  assert.deepEqual([vm.summary().ports.length, vm.details().endpoints[0]?.problem], [2, undefined]);
  assert.deepEqual((await vm.files.readConfig())?.network, onBridge);
  await assert.rejects(vms.manager.connect({ network: "web", vm: "box" }), {
    code: "VM_RUNNING",
    message: "cannot connect container box to network web: a running VM gets no new network card",
  });
  assert.deepEqual(networkActions(vms).slice(-3), ["create", "disconnect", "connect"]);
});

for (const [what, params, message] of [
  [
    "a port of TSI",
    { network: { mode: "tsi" }, publishAll: true },
    "ports cannot be published with --network tsi",
  ],
  ["guest port 0", { ports: [{ protocol: "tcp", guestPort: 0 }] }, "invalid containerPort: 0"],
  [
    "a host port that is none",
    { ports: [{ protocol: "tcp", guestPort: 80, hostPort: 70_000 }] },
    "invalid hostPort: 70000",
  ],
  [
    "a host address that is none",
    { ports: [{ protocol: "tcp", guestPort: 80, hostAddress: "x" }] },
    "invalid IP address: x",
  ],
  ["a host without an address", { extraHosts: ["x"] }, 'bad format for add-host: "x"'],
  [
    "no such network",
    { network: { mode: "networks", attachments: [{ network: "nope" }] } },
    "network nope not found",
  ],
] as [string, Partial<VmCreateParams>, string][]) {
  test(`a VM with ${what} is not created`, async () => {
    const vms = new FakeVms();
    await assert.rejects(vms.create(params), { message });
    assert.deepEqual(await vms.manager.list({ all: true }), []);
  });
}

test("a network is removed although a VM that runs was in it, with the unplugged card", async () => {
  const vms = new FakeVms();
  await vms.recover();
  await vms.networks.create({ name: "web" });
  const { vm } = await vms.run({ network: { mode: "networks", attachments: [{ network: "web" }] } });
  await assert.rejects(vms.networks.remove({ network: "web" }), { code: "NETWORK_IN_USE" });
  await vms.manager.disconnect({ network: "web", vm: "box" });
  await vms.networks.remove({ network: "web" });
  assert.deepEqual([vms.netds.last.endpoints.size, vm.state], [0, "running"]);
});

test("where a VM can have no card it has none unless it needs one, and that is said", async () => {
  const vms = new FakeVms();
  await vms.recover();
  vms.runtime.problem = "there is no /dev/net/tun";
  const { id, warnings } = await vms.manager.create({ image: "box", name: "box" });
  assert.deepEqual(vms.manager.find(id).config.network, { mode: "none" });
  assert.deepEqual(warnings, ["no network: there is no /dev/net/tun (see: mocker doctor)"]);
  const asked = await vms.create({ name: "asked", publishAll: true });
  assert.deepEqual(asked.config.network, onBridge);
});

test("ports that nobody can reach are left out, and that is said", async () => {
  const vms = new FakeVms();
  await vms.recover();
  await vms.networks.create({ name: "inner", internal: true });
  const ports = [{ protocol: "tcp", guestPort: 80, hostPort: 8080 }] as const;
  const create = async (name: string, network: VmCreateParams["network"]): Promise<string[]> =>
    (await vms.manager.create({ image: "box", name, ports: [...ports], ...(network ? { network } : {}) }))
      .warnings;
  assert.match(
    (await create("none", { mode: "none" })).join(),
    /Published ports are discarded when using none network mode/,
  );
  const inner = { mode: "networks", attachments: [{ network: "inner" }] } as const;
  assert.match(
    (await create("internal", { ...inner, attachments: [...inner.attachments] })).join(),
    /discarded: inner is internal/,
  );
});
