import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mock, test } from "node:test";
import { FakeVms } from "./fake-vms.ts";
import { agentError, guestPids } from "./machine/fake-monitor.ts";

/** Lets everything run that waits for nothing but its turn. */
const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A preparation that lasts until it is released. */
function heldUp(vms: FakeVms): () => void {
  let release: () => void = () => undefined;
  vms.runtime.gate = new Promise((resolve) => {
    release = resolve;
  });
  return release;
}

/** A guest that never answers its start. */
const neverStarts = { start: () => undefined };

test("a VM starts, is stopped, and starts again", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run();
  assert.deepEqual([vm.state, vm.busy, vm.exit], ["running", true, undefined]);
  assert.deepEqual(monitor.methods(), ["configure", "start"]);
  assert.deepEqual(await vms.manager.stop({ vm: "box" }), { id: vm.id, exitCode: 143 });
  assert.deepEqual([vm.state, vm.busy, vm.exit?.signal], ["exited", false, 15]);
  assert.equal(existsSync(monitor.spec.runDir), false);
  await vms.manager.start({ vm: "box" });
  assert.equal(vm.state, "running");
  assert.equal(vms.launcher.monitors.length, 2);
  await vms.manager.start({ vm: "box" });
  assert.equal(vms.launcher.monitors.length, 2, "a VM that runs is not started again");
  assert.deepEqual(vms.errors(), []);
});

test("a VM that boots again is as it was until its main process runs", async () => {
  const vms = new FakeVms();
  const { vm } = await vms.run();
  await vms.manager.stop({ vm: "box" });
  vms.launcher.script = { answers: neverStarts };
  const start = vms.manager.start({ vm: "box" }).catch(() => undefined);
  await (await vms.launcher.next()).request("start");
  assert.deepEqual([vm.state, vm.summary().exitCode, vm.busy], ["exited", 143, true]);
  assert.match(vm.summary().status, /^Exited \(143\)/);
  await vms.manager.stop({ vm: "box" });
  await start;
  assert.equal(vm.summary().exitCode, 137);
});

test("two starts at once boot once", async () => {
  const vms = new FakeVms();
  await vms.create();
  await Promise.all([vms.manager.start({ vm: "box" }), vms.manager.start({ vm: "box" })]);
  assert.equal(vms.launcher.monitors.length, 1);
});

for (const [verb, end] of [
  ["stopped", (vms: FakeVms) => vms.manager.stop({ vm: "box" })],
  ["killed", (vms: FakeVms) => vms.manager.kill({ vm: "box" })],
  ["removed", (vms: FakeVms) => vms.manager.remove({ vm: "box", force: true })],
] as const) {
  const cancelled = { code: "VM_FAILED", message: `container box was ${verb} while it was starting` };

  test(`a VM that boots and is ${verb} ends at once, and its start says so`, async () => {
    const vms = new FakeVms();
    vms.launcher.script = { answers: neverStarts };
    const vm = await vms.create();
    const start = assert.rejects(vms.manager.start({ vm: "box" }), cancelled);
    const monitor = await vms.launcher.next();
    await monitor.request("start");
    await end(vms);
    await start;
    assert.equal(monitor.isOver, true);
    assert.deepEqual(
      [vm.state, vm.busy, vm.exit?.exitCode, vm.exit?.message],
      ["exited", false, 137, cancelled.message],
    );
    assert.equal(existsSync(vm.files.dir), verb !== "removed");
    assert.deepEqual(vms.errors(), []);
  });

  test(`a VM whose monitor is still silent and that is ${verb} ends at once`, async () => {
    const vms = new FakeVms();
    vms.launcher.script = { listens: false };
    const vm = await vms.create();
    const start = assert.rejects(vms.manager.start({ vm: "box" }), cancelled);
    await vms.launcher.next();
    await end(vms);
    await start;
    assert.deepEqual([vm.state, vm.busy], ["exited", false]);
  });

  test(`a VM that is being prepared and is ${verb} never boots`, async () => {
    const vms = new FakeVms();
    const vm = await vms.create();
    const release = heldUp(vms);
    const start = assert.rejects(vms.manager.start({ vm: "box" }), cancelled);
    await vms.runtime.entered;
    const ending = end(vms);
    await start;
    assert.equal(existsSync(vm.files.dir), true, "its directory stays under the preparation");
    if (verb !== "removed") await ending;
    release();
    await ending;
    await vm.turn(async () => undefined).catch(() => undefined);
    assert.equal(vms.launcher.monitors.length, 0);
    assert.deepEqual([vm.state, vm.exit], ["created", undefined]);
    assert.equal(existsSync(vm.files.dir), verb !== "removed");
    assert.deepEqual(vms.errors(), []);
  });
}

test("a start that waits behind another is cancelled, too", async () => {
  const vms = new FakeVms();
  vms.launcher.script = { answers: neverStarts };
  await vms.create();
  const starts = [vms.manager.start({ vm: "box" }), vms.manager.start({ vm: "box" })];
  const monitor = await vms.launcher.next();
  await monitor.request("start");
  const rejected = starts.map((start) => assert.rejects(start, { code: "VM_FAILED" }));
  await vms.manager.stop({ vm: "box" });
  await Promise.all(rejected);
  await vms.manager.find("box").turn(async () => undefined);
  assert.equal(vms.launcher.monitors.length, 1);
});

test("a VM starts after a start that was cancelled", async () => {
  const vms = new FakeVms();
  vms.launcher.script = { answers: neverStarts };
  const vm = await vms.create();
  const start = assert.rejects(vms.manager.start({ vm: "box" }));
  await (await vms.launcher.next()).request("start");
  const stop = vms.manager.stop({ vm: "box" });
  vms.launcher.script = {};
  await vms.manager.start({ vm: "box" });
  await Promise.all([start, stop]);
  assert.equal(vm.state, "running");
});

test("rm without force is refused while a VM runs, boots or is about to", async () => {
  const vms = new FakeVms();
  const vm = await vms.create();
  const refused = {
    code: "VM_RUNNING",
    message:
      'cannot remove container "box": container is running: stop the container before removing or force remove',
  };
  const release = heldUp(vms);
  const start = vms.manager.start({ vm: "box" });
  await vms.runtime.entered;
  await assert.rejects(vms.manager.remove({ vm: "box" }), refused);
  release();
  await start;
  await assert.rejects(vms.manager.remove({ vm: "box" }), refused);
  assert.equal(vm.state, "running");
});

test("no start is accepted once a removal was asked for, and two removals are one", async () => {
  const vms = new FakeVms();
  const { vm } = await vms.run();
  const removals = [
    vms.manager.remove({ vm: "box", force: true }),
    vms.manager.remove({ vm: "box", force: true }),
    vms.manager.remove({ vm: "box" }),
  ];
  await assert.rejects(vms.manager.start({ vm: "box" }), { message: "container box is marked for removal" });
  assert.deepEqual(await Promise.all(removals), [{ id: vm.id }, { id: vm.id }, { id: vm.id }]);
  assert.equal(existsSync(vm.files.dir), false);
  assert.deepEqual(vms.actions(), ["create", "start", "kill", "die", "destroy"]);
});

test("kill cuts a stop with a long grace short", async () => {
  const vms = new FakeVms();
  vms.launcher.script = { answers: { stop: () => ({}) } };
  const { monitor } = await vms.run();
  const stops = [
    vms.manager.stop({ vm: "box", timeoutSeconds: 3600 }),
    vms.manager.stop({ vm: "box", timeoutSeconds: -1 }),
  ];
  await monitor.until(() => monitor.methods().filter((method) => method === "stop").length === 2);
  await vms.manager.kill({ vm: "box" });
  for (const stop of stops) assert.equal((await stop).exitCode, 137);
  assert.deepEqual(monitor.requests.at(-1), { method: "signal", params: { target: "main", signal: 9 } });
});

test("a stop takes any number of seconds, and only after them is the monitor killed", async () => {
  const vms = new FakeVms();
  vms.launcher.script = { answers: { stop: () => ({}) } };
  const { vm, monitor } = await vms.run();
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const stop = vms.manager.stop({ vm: "box", timeoutSeconds: 9_999_999 });
    const { graceMs } = await monitor.request("stop");
    assert.equal(graceMs, 9_999_999_000);
    let leftMs = 9_999_999_000 + 20_000 - 1;
    while (leftMs > 0) {
      const step = Math.min(leftMs, 2 ** 30);
      mock.timers.tick(step);
      leftMs -= step;
      await turnOfTheLoop();
    }
    assert.deepEqual([vm.state, vms.launcher.kills], ["running", []]);
    // A sleep in parts is late by a moment for each.
    mock.timers.tick(100);
    // It reads the record of its processes first.
    for (let turn = 0; turn < 10_000 && vms.launcher.kills.length === 0; turn++) await turnOfTheLoop();
    assert.deepEqual(vms.launcher.kills, [1]);
    assert.equal((await stop).exitCode, 137);
  } finally {
    mock.timers.reset();
  }
});

test("a guest that does not die of KILL is ended from outside", async () => {
  const vms = new FakeVms();
  vms.launcher.script = { answers: { signal: () => undefined } };
  const { monitor } = await vms.run();
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const kill = vms.manager.kill({ vm: "box" });
    await monitor.request("signal");
    mock.timers.tick(20_000);
    await kill;
    assert.deepEqual(vms.launcher.kills, [1]);
  } finally {
    mock.timers.reset();
  }
});

test("other signals go to a main process that runs, and to no other", async () => {
  const vms = new FakeVms();
  await vms.create();
  const notRunning = { code: "VM_NOT_RUNNING", message: "container box is not running" };
  await assert.rejects(vms.manager.kill({ vm: "box" }), notRunning);
  await assert.rejects(vms.manager.kill({ vm: "box", signal: "TERM" }), notRunning);
  await assert.rejects(vms.manager.kill({ vm: "box", signal: "NOPE" }), { code: "INVALID_ARGUMENT" });
  await vms.manager.start({ vm: "box" });
  await vms.manager.kill({ vm: "box", signal: "HUP" });
  assert.deepEqual(await vms.launcher.last.request("signal"), { target: "main", signal: 1 });
  assert.equal(vms.manager.find("box").state, "running");
});

test("a monitor that lies cannot keep its VM from being used, nor from being killed", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run();
  monitor.tellBytes(Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9));
  monitor.control?.resume();
  await new Promise((resolve) => monitor.control?.once("close", resolve));
  await vms.manager.exec({ vm: "box", command: ["true"], detach: true });
  await vms.manager.kill({ vm: "box" });
  assert.deepEqual([vm.state, vm.exit?.exitCode, vms.launcher.kills], ["exited", 137, []]);
});

test("a command that is not there fails the start with Docker's code, and leaves a failed VM", async () => {
  const vms = new FakeVms();
  vms.launcher.script = { answers: { start: () => agentError("NOT_FOUND", 'exec: "nope": not found') } };
  const vm = await vms.create();
  await assert.rejects(vms.manager.start({ vm: "box" }), {
    code: "COMMAND_NOT_FOUND",
    message: 'exec: "nope": not found',
  });
  assert.deepEqual([vm.state, vm.exit?.exitCode, vm.exit?.reason], ["failed", 127, "start-failed"]);
  assert.deepEqual(
    vms.changes.map(({ kind }) => kind),
    ["created", "failed"],
  );
});

test("a start that fails by itself says why, also if its VM is then removed (--rm)", async () => {
  const vms = new FakeVms();
  vms.launcher.script = { answers: { start: () => agentError("NOT_FOUND", "not found") } };
  const vm = await vms.create({ autoRemove: true });
  const removed = vms.manager.wait({ vm: "box", condition: "removed" });
  await assert.rejects(vms.manager.start({ vm: "box" }), { code: "COMMAND_NOT_FOUND" });
  assert.equal((await removed).exitCode, 127);
  assert.equal(existsSync(vm.files.dir), false);
  assert.deepEqual(vms.actions(), ["create", "die", "destroy"]);
});

test("a VM that a previous engine left running is taken up, and ended ones show how they ended", async () => {
  const before = new FakeVms();
  await before.run();
  const { vm: ended } = await before.run({ name: "ended" });
  await before.manager.stop({ vm: "ended" });
  before.launcher.script = {};
  const monitor = before.launcher.monitors[0];
  assert.ok(monitor);
  monitor.writeRuntime();
  monitor.main = "running";

  const after = new FakeVms(before);
  await after.recover();
  const vm = after.manager.find("box");
  assert.deepEqual([vm.state, vm.details().pid], ["running", 1]);
  assert.deepEqual(
    [after.manager.find("ended").state, after.manager.find("ended").exit?.exitCode],
    ["exited", 143],
  );
  assert.equal(ended.id, after.manager.find("ended").id);
  await after.manager.kill({ vm: "box" });
  assert.equal(vm.exit?.exitCode, 137);
  assert.deepEqual(after.errors(), []);
});

test("a VM whose start the engine did not survive is ended, with the reason", async () => {
  const before = new FakeVms();
  before.launcher.script = { answers: neverStarts };
  await before.create();
  before.manager.start({ vm: "box" }).catch(() => undefined);
  const monitor = await before.launcher.next();
  await monitor.request("start");
  monitor.writeRuntime();
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const after = new FakeVms(before);
    const recovered = after.recover();
    await monitor.until(() => monitor.controls === 2);
    while (!monitor.isOver) {
      mock.timers.tick(100);
      await turnOfTheLoop();
    }
    await recovered;
    const vm = after.manager.find("box");
    assert.deepEqual([vm.state, vm.exit?.message], ["failed", "the engine ended while the VM was starting"]);
  } finally {
    mock.timers.reset();
  }
});

for (const [verb, end] of [
  ["killed", (vms: FakeVms) => vms.manager.kill({ vm: "box" })],
  ["removed", (vms: FakeVms) => vms.manager.remove({ vm: "box", force: true })],
] as const) {
  test(`a VM whose monitor lets nobody in is ${verb} all the same`, async () => {
    const vms = new FakeVms();
    const { vm, monitor } = await vms.run();
    monitor.writeRuntime();
    monitor.refuseControl();
    await end(vms);
    assert.deepEqual([vm.state, vm.exit?.message], ["exited", "the VM's process was killed by SIGKILL"]);
    assert.deepEqual(vms.launcher.kills, [guestPids + 1]);
  });
}

/** What the change was, by its kind and the state after it. */
const lastChange = ({ changes }: FakeVms): unknown[] => [changes.at(-1)?.kind, changes.at(-1)?.vm?.state];

test("a VM is paused and goes on, each once, in Docker's words", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run();
  const { manager } = vms;
  await assert.rejects(manager.unpause({ vm: "box" }), { message: "Container box is not paused" });
  await manager.pause({ vm: "box" });
  assert.deepEqual(
    [vm.state, vm.running, monitor.paused, ...lastChange(vms)],
    ["paused", true, true, "changed", "paused"],
  );
  assert.match(vm.summary().status, /^Up .* \(Paused\)/);
  await assert.rejects(manager.pause({ vm: "box" }), { message: "Container box is already paused" });
  await manager.unpause({ vm: "box" });
  assert.deepEqual([vm.state, monitor.paused, ...lastChange(vms)], ["running", false, "changed", "running"]);
  assert.deepEqual(vms.actions(), ["create", "start", "pause", "unpause"]);
  await manager.stop({ vm: "box" });
  await assert.rejects(manager.unpause({ vm: "box" }), { message: "Container box is not paused" });
  await assert.rejects(manager.pause({ vm: "box" }), {
    code: "VM_NOT_RUNNING",
    message: "container box is not running",
  });
});

test("a VM of an older Mocker is not paused, and that is said", async () => {
  const vms = new FakeVms();
  vms.launcher.script = { answers: { pause: () => agentError("INTERNAL", 'method "pause" is not known') } };
  const { vm } = await vms.run();
  await assert.rejects(vms.manager.pause({ vm: "box" }), {
    code: "FEATURE_UNAVAILABLE",
    message: /older Mocker/,
  });
  assert.equal(vm.state, "running");
});

test("nothing that a paused guest has to answer is asked of it", async () => {
  const vms = new FakeVms();
  const { monitor } = await vms.run();
  const { manager } = vms;
  await manager.pause({ vm: "box" });
  const asked = monitor.methods().length;
  const before = (verb: string) => ({
    code: "VM_NOT_RUNNING",
    message: `Container box is paused, unpause the container before ${verb}`,
    hint: /mocker unpause box/,
  });
  await assert.rejects(manager.exec({ vm: "box", command: ["true"] }), before("exec"));
  await assert.rejects(manager.attach({ vm: "box" }), before("attach"));
  await assert.rejects(manager.top({ vm: "box" }), before("top"));
  await assert.rejects(manager.export({ vm: "box" }), before("export"));
  await assert.rejects(manager.start({ vm: "box" }), {
    message: "cannot start a paused container, try unpause instead",
  });
  await assert.rejects(manager.remove({ vm: "box" }), {
    message: 'cannot remove container "box": container is paused and must be unpaused first',
  });
  assert.equal(monitor.methods().length, asked);
});

for (const [verb, end] of [
  ["stop", ({ manager }: FakeVms) => manager.stop({ vm: "box" })],
  ["kill", ({ manager }: FakeVms) => manager.kill({ vm: "box" })],
  ["rm -f", ({ manager }: FakeVms) => manager.remove({ vm: "box", force: true })],
] as const) {
  test(`${verb} of a paused VM sends its signal first, and lets it go on to hear of it`, async () => {
    const vms = new FakeVms();
    // As what stands still: nothing is answered before it goes on.
    let deliver = (): void => undefined;
    vms.launcher.script = {
      answers: {
        stop: (_, monitor) => {
          deliver = () => monitor.exit({ exitCode: 143, signal: 15 });
          return undefined;
        },
        signal: (_, monitor) => {
          deliver = () => monitor.exit({ exitCode: 137, signal: 9 });
          return undefined;
        },
        unpause: () => {
          setImmediate(() => deliver());
          return {};
        },
      },
    };
    const { vm, monitor } = await vms.run();
    await vms.manager.pause({ vm: "box" });
    await end(vms);
    assert.deepEqual(monitor.methods().slice(-2), [verb === "stop" ? "stop" : "signal", "unpause"]);
    assert.equal(vm.exit?.exitCode, verb === "stop" ? 143 : 137);
    assert.deepEqual(vms.launcher.kills, []);
    assert.ok(vms.actions().includes("unpause"));
  });
}

test("a VM that was paused is so for the next engine", async () => {
  const before = new FakeVms();
  const { monitor } = await before.run();
  monitor.writeRuntime();
  monitor.main = "running";
  await before.manager.pause({ vm: "box" });
  const after = new FakeVms(before);
  await after.recover();
  assert.equal(after.manager.find("box").state, "paused");
  await after.manager.unpause({ vm: "box" });
  assert.deepEqual([after.manager.find("box").state, monitor.paused], ["running", false]);
});

test("a VM that runs or not is renamed; the next engine and its networks know the new name alone", async () => {
  const vms = new FakeVms();
  await vms.recover();
  await vms.networks.create({ name: "web" });
  const network = { mode: "networks" as const, attachments: [{ network: "web", aliases: ["site"] }] };
  const { vm } = await vms.run({ network });
  await vms.manager.rename({ vm: "box", name: "/crate" });
  const update = vms.netds.last.requests.find(({ method }) => method === "endpoint.update");
  assert.deepEqual(update?.params.names, ["crate", "site", vm.id.slice(0, 12)]);
  assert.equal((await vms.networks.inspect({ network: "web" })).endpoints[0]?.name, "crate");
  await assert.rejects(async () => vms.manager.find("box"), { code: "VM_NOT_FOUND" });
  const event = vms.events.between().find(({ action }) => action === "rename");
  assert.deepEqual([event?.actor.attributes.name, event?.actor.attributes.oldName], ["crate", "/box"]);
  vms.launcher.last.main = "running";
  vms.launcher.last.writeRuntime();
  const after = new FakeVms(vms);
  await after.recover();
  assert.equal(after.manager.find("crate").id, vm.id);
});

test("a name that cannot be had leaves the VM its old one", async () => {
  const vms = new FakeVms();
  await vms.create();
  const other = await vms.create({ name: "other" });
  const { manager } = vms;
  await assert.rejects(manager.rename({ vm: "box", name: "other" }), {
    code: "VM_NAME_IN_USE",
    message:
      `Error when allocating new name: Conflict. The container name "/other" is already in use by container "${other.id}". ` +
      "You have to remove (or rename) that container to be able to reuse that name.",
  });
  await assert.rejects(manager.rename({ vm: "box", name: "b x" }), {
    message: /^Error when allocating new name: Invalid container name \(\/b x\)/,
  });
  await assert.rejects(manager.rename({ vm: "box", name: "box" }), {
    message: "Renaming a container with the same name as its current name",
  });
  await manager.rename({ vm: "other", name: "free" });
  await manager.rename({ vm: "box", name: "other" });
  assert.equal(manager.find("other").config.name, "other");
});

test("CPUs and memory of a VM that does not run are changed, those of one that runs not without a cgroup", async () => {
  const vms = new FakeVms();
  const { vm } = await vms.run();
  await assert.rejects(vms.manager.update({ vm: "box", memoryMiB: 256 }), {
    code: "VM_RUNNING",
    message: /a VM that runs keeps its CPUs and its memory/,
    hint: /mocker stop box/,
  });
  await vms.manager.stop({ vm: "box" });
  await vms.manager.update({ vm: "box", memoryMiB: 256, cpus: 1 });
  assert.deepEqual([vm.config.memoryMiB, vm.config.cpus], [256, 1]);
  assert.equal((await vm.files.readConfig())?.memoryMiB, 256);
  await assert.rejects(vms.manager.update({ vm: "box", memoryMiB: 1 }), { message: /^Minimum memory limit/ });
});
