/** What becomes of VMs whose records, disks, sockets or processes are not as they should be. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mock, test } from "node:test";
import { FakeVms } from "./fake-vms.ts";
import type { FakeMonitor } from "./machine/fake-monitor.ts";

/** Lets everything run that waits for nothing but its turn. */
const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The next engine over the same VMs, when it has started. */
async function successor(before: FakeVms): Promise<FakeVms> {
  const after = new FakeVms(before);
  await after.recover();
  return after;
}

const damages: [string, (text: string) => string, RegExp][] = [
  ["cut in half", (text) => text.slice(0, text.length / 2), /is not valid JSON/],
  ["of a newer Mocker", (text) => text.replace('"version": 3', '"version": 9'), /written by a newer Mocker/],
  ["without its labels", (text) => text.replace(/"labels": \{\},/, ""), /is damaged: labels/],
  ["with a wrong type", (text) => text.replace('"tty": false', '"tty": 0'), /is damaged: tty/],
];
for (const [what, damage, problem] of damages) {
  test(`a VM whose record is ${what} is listed, keeps its name, and can be removed`, async () => {
    const before = new FakeVms();
    const { files, id } = await before.create();
    await before.create({ name: "other" });
    writeFileSync(files.configPath, damage(readFileSync(files.configPath, "utf8")));
    const { manager } = await successor(before);
    const all = await manager.list({ all: true });
    assert.deepEqual(all.map((vm) => [vm.name, vm.state, vm.status, vm.image]).sort(), [
      ["box", "dead", "Dead", "box"],
      ["other", "created", "Created (simulation)", "box"],
    ]);
    assert.deepEqual(await manager.list({ filters: { status: ["dead"] } }), [all.find((vm) => vm.id === id)]);
    assert.equal(manager.has(id), true);
    assert.deepEqual(
      manager
        .usersOf(`sha256:${"a".repeat(64)}`)
        .map(({ name }) => name)
        .sort(),
      ["box", "other"],
    );
    await assert.rejects(manager.create({ image: "box", name: "box" }), { code: "VM_NAME_IN_USE" });
    await assert.rejects(manager.start({ vm: "box" }), { code: "STATE_CORRUPT", message: problem });
    const [found] = await manager.check(true);
    assert.deepEqual([found?.subject, found?.severity, found?.repaired], ["VM box", "error", false]);
    assert.match(found?.problem ?? "", problem);
    assert.deepEqual(await manager.remove({ vm: id.slice(0, 8) }), { id });
    assert.equal(existsSync(files.dir), false);
    assert.deepEqual(await manager.check(false), []);
    await manager.create({ image: "box", name: "box" });
  });
}

test("a VM whose record is lost while it runs can be removed by force", async () => {
  const before = new FakeVms();
  const { vm, monitor } = await before.run();
  rmSync(vm.files.configPath);
  const { manager } = await successor(before);
  const name = vm.id.slice(0, 12);
  await assert.rejects(manager.remove({ vm: name }), { code: "VM_RUNNING" });
  await manager.remove({ vm: name, force: true });
  assert.deepEqual([monitor.isOver, existsSync(vm.files.dir)], [true, false]);
});

test("a VM whose exit record is damaged has exited, and the check names it", async () => {
  const before = new FakeVms();
  const { vm } = await before.run();
  await before.manager.stop({ vm: "box" });
  for (const text of ['{"version":1,"exitCo', '{"version":9}', '{"version":1,"exitCode":"x"}']) {
    writeFileSync(vm.files.exitPath, text);
    const { manager } = await successor(before);
    const again = manager.find("box");
    assert.deepEqual([again.state, again.exit?.exitCode], ["exited", 255]);
    assert.match(again.exit?.message ?? "", /^how it ended is not known: .*exit\.json/);
    assert.match((await manager.check(false))[0]?.problem ?? "", /exit\.json/);
    assert.equal((await manager.check(true))[0]?.repaired, true);
    assert.deepEqual(await manager.check(false), []);
    await manager.start({ vm: "box" });
    await manager.stop({ vm: "box" });
    assert.equal(manager.find("box").exit?.exitCode, 143);
  }
});

test("a monitor whose own records are damaged is adopted all the same", async () => {
  const before = new FakeVms();
  const { vm, monitor } = await before.run();
  monitor.main = "running";
  writeFileSync(vm.files.runtimePath, "{");
  writeFileSync(vm.files.networkPath, '{"version":1,"endpoints":[{}]}');
  const { manager } = await successor(before);
  assert.equal(manager.find("box").state, "running");
  assert.deepEqual(await manager.stop({ vm: "box" }), { id: vm.id, exitCode: 143 });
});

test("a monitor that says nothing is not ended, but followed until it does", async () => {
  const before = new FakeVms();
  const { vm: first, monitor } = await before.run();
  monitor.writeRuntime();
  monitor.main = "running";
  monitor.silent = true;
  mock.timers.enable({ apis: ["setTimeout"] });
  const after = new FakeVms(before);
  try {
    let isRecovered = false;
    const recovered = after.recover().then(() => {
      isRecovered = true;
    });
    await monitor.until(() => monitor.controls === 2);
    while (!isRecovered) {
      mock.timers.tick(100);
      await turnOfTheLoop();
    }
    await recovered;
    mock.timers.tick(600_000);
    await turnOfTheLoop();
  } finally {
    mock.timers.reset();
  }
  const vm = after.manager.find("box");
  assert.deepEqual([monitor.isOver, vm.state, vm.id], [false, "running", first.id]);
  monitor.announce();
  assert.equal((await after.manager.stats({ vm: "box" })).pids, 3);
  assert.deepEqual(after.errors(), []);
});

/** Lets time pass until a promise is settled. */
async function meanwhile<T>(promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  promise.then(settle, settle);
  while (!isSettled) {
    await turnOfTheLoop();
    mock.timers.tick(100);
  }
  return await promise;
}

for (const [what, hinder, message] of [
  [
    "takes connections and says nothing",
    (monitor: FakeMonitor) => {
      monitor.silent = true;
      // Elsewhere, where the engine of before does not take the connection back.
      const runDir = `${monitor.spec.runDir}-moved`;
      renameSync(monitor.spec.runDir, runDir);
      const path = join(monitor.spec.stateDir, "runtime.json");
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), runDir }));
    },
    "the VM's monitor did not answer within 30 seconds",
  ],
  [
    "has no socket",
    ({ spec }: FakeMonitor) => rmSync(spec.runDir, { recursive: true }),
    "the VM's monitor does not answer",
  ],
] as const) {
  test(`what is asked of a VM whose monitor ${what} says so, and the VM is removed all the same`, async () => {
    const before = new FakeVms();
    const nothing = (): undefined => undefined;
    before.launcher.script = { answers: { exec: nothing, ping: nothing, stats: nothing, signal: nothing } };
    const { monitor } = await before.run();
    monitor.writeRuntime();
    monitor.main = "running";
    hinder(monitor);
    const after = new FakeVms(before);
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      await meanwhile(after.recover());
      const { manager } = after;
      const said = { code: "AGENT_UNREACHABLE", message, hint: /mocker kill, or mocker rm -f/ };
      for (const ask of [
        () => manager.exec({ vm: "box", command: ["true"] }),
        () => manager.attach({ vm: "box" }),
        () => manager.copy({ vm: "box", copy: { path: "/etc", name: "etc", followLink: false } }),
        () => manager.stats({ vm: "box" }),
      ]) {
        await meanwhile(assert.rejects(ask(), said));
      }
      assert.equal(manager.find("box").state, "running");
      await meanwhile(manager.remove({ vm: "box", force: true }));
    } finally {
      mock.timers.reset();
    }
    assert.equal(monitor.isOver, true);
    assert.deepEqual(await after.manager.list({ all: true }), []);
  });
}

test("a monitor's sockets are where it says, wherever this engine would have them", async () => {
  const before = new FakeVms();
  const { vm, monitor } = await before.run();
  monitor.main = "running";
  monitor.writeRuntime();
  const other = join(before.dir, "elsewhere");
  renameSync(monitor.spec.runDir, other);
  const record = JSON.parse(readFileSync(vm.files.runtimePath, "utf8"));
  writeFileSync(vm.files.runtimePath, JSON.stringify({ ...record, runDir: other }));
  const { manager } = await successor(before);
  assert.deepEqual(await manager.stop({ vm: "box" }), { id: vm.id, exitCode: 143 });
  assert.equal(existsSync(other), false);
});

test("a VM ends as it did, though its record cannot be written", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run();
  const waiting = vms.manager.wait({ vm: "box" });
  mkdirSync(join(vm.files.exitPath, "in the way"), { recursive: true });
  monitor.exit({ exitCode: 7 });
  assert.deepEqual(await waiting, { exitCode: 7 });
  assert.deepEqual([vm.state, vm.exit?.exitCode, vm.busy], ["exited", 7, false]);
  const next = (await successor(vms)).manager;
  assert.equal(next.find("box").state, "exited", "not created");
  await vms.manager.remove({ vm: "box" });
  assert.equal(existsSync(vm.files.dir), false);
});

test("a process that cannot be watched or killed for want of descriptors is so later", async () => {
  const vms = new FakeVms();
  await vms.create();
  vms.launcher.scarce = 2;
  await vms.manager.start({ vm: "box" });
  const { monitor } = { monitor: vms.launcher.last };
  monitor.exit({ exitCode: 3 });
  assert.deepEqual(await vms.manager.wait({ vm: "box" }), { exitCode: 3 });
  vms.launcher.script = { listens: false };
  const start = vms.manager.start({ vm: "box" }).catch(() => undefined);
  const second = await vms.launcher.next();
  await turnOfTheLoop();
  vms.launcher.scarce = 3;
  await vms.manager.remove({ vm: "box", force: true });
  await start;
  assert.deepEqual([second.isOver, existsSync(vms.state.path) && vms.manager.counts().total], [true, 0]);
});

test("directories for sockets that a crash left are swept, and those in use are not", async () => {
  const before = new FakeVms();
  const { monitor } = await before.run();
  monitor.main = "running";
  monitor.writeRuntime();
  const left = join(before.runDir, "vm", "0123456789ab");
  mkdirSync(left, { recursive: true });
  const { manager } = await successor(before);
  assert.deepEqual([existsSync(left), existsSync(monitor.spec.runDir)], [false, true]);
  mkdirSync(left);
  const [found, ...others] = await manager.check(false);
  assert.deepEqual([found?.subject, found?.severity, others], [`directory ${left}`, "note", []]);
  assert.equal((await manager.check(true))[0]?.repaired, true);
  assert.equal(existsSync(left), false);
});

test("what monitors and libkrun say is bounded over all starts", async () => {
  const vms = new FakeVms();
  const vm = await vms.create();
  for (let start = 0; start < 3; start++) {
    writeFileSync(vm.files.vmmLogPath, Buffer.alloc(600_000, String(start)));
    await vms.manager.start({ vm: "box" });
    await vms.manager.stop({ vm: "box" });
  }
  assert.equal(existsSync(vm.files.vmmLogPath), false);
  assert.equal(readFileSync(`${vm.files.vmmLogPath}.1`, "latin1")[0], "2");
});
