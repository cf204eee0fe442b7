/** Restarts and health checks of VMs over fake monitors. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FakeVms } from "./fake-vms.ts";
import { json } from "./machine/fake-monitor.ts";

/** Resolves when this happens next. */
function next(vms: FakeVms, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const subscription = vms.events.subscribe(({ action }) => {
      if (action !== wanted) return;
      subscription.dispose();
      resolve();
    });
  });
}

const always = { restart: { name: "always", maximumRetryCount: 0 } } as const;

test("a VM that has ended waits for its restart, and runs again", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run(always);
  const waited = vms.manager.wait({ vm: "box" });
  const again = vms.launcher.next();
  monitor.exit({ exitCode: 3 });
  await vm.ended;
  assert.deepEqual([vm.state, vm.busy, vm.details().restartCount], ["restarting", true, 1]);
  assert.match(vm.summary().status, /^Restarting \(3\) /);
  assert.deepEqual(
    (await vms.manager.list({})).map(({ state }) => state),
    ["restarting"],
  );
  await assert.rejects(vms.manager.exec({ vm: "box", command: ["true"] }), {
    code: "VM_NOT_RUNNING",
    message: "Container box is restarting, wait until the container is running",
  });
  await assert.rejects(vms.manager.remove({ vm: "box" }), { code: "VM_RUNNING" });
  await again;
  await next(vms, "start");
  await vms.manager.stop({ vm: "box" });
  assert.deepEqual(await waited, { exitCode: 143 });
  assert.deepEqual([vm.state, vm.busy], ["exited", false]);
});

test("a policy is changed while a VM runs, and counts from its next end on", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run();
  await vms.manager.update({ vm: "box", restart: always.restart });
  assert.deepEqual(vm.config.restart, always.restart);
  monitor.exit({ exitCode: 3 });
  await vm.ended;
  assert.equal(vm.state, "restarting");
  await vms.manager.stop({ vm: "box" });
  await assert.rejects(
    vms.manager.update({ vm: "box", restart: { name: "always", maximumRetryCount: 2 } }),
    /invalid restart policy: maximum retry count can only be used with 'on-failure'/,
  );
});

test("a VM that is removed at its end takes no policy", async () => {
  const vms = new FakeVms();
  await vms.run({ autoRemove: true });
  await assert.rejects(vms.manager.update({ vm: "box", restart: always.restart }), {
    message: "Restart policy cannot be updated because AutoRemove is enabled for the container",
  });
  await vms.manager.remove({ vm: "box", force: true });
});

for (const [verb, end] of [
  ["stopped", (vms: FakeVms) => vms.manager.stop({ vm: "box" })],
  ["killed", (vms: FakeVms) => vms.manager.kill({ vm: "box" })],
  ["removed", (vms: FakeVms) => vms.manager.remove({ vm: "box", force: true })],
] as const) {
  test(`a VM that waits for its restart and is ${verb} does not start`, async () => {
    const vms = new FakeVms();
    const { vm, monitor } = await vms.run(always);
    const waited = vms.manager.wait({ vm: "box" });
    monitor.exit({ exitCode: 3 });
    await vm.ended;
    await end(vms);
    assert.deepEqual(await waited, { exitCode: 3 });
    await sleep(150);
    assert.equal(vms.launcher.monitors.length, 1);
    assert.deepEqual([vm.state, vm.busy], ["exited", false]);
  });
}

test("the next engine starts what has ended meanwhile, and not what somebody had stopped", async () => {
  const first = new FakeVms();
  const { files } = await first.create(always);
  await first.run({ ...always, name: "resting" });
  await first.manager.stop({ vm: "resting" });
  // As after a SIGKILL of engine and monitor: nobody has seen it end.
  const left = { version: 1, pid: 99, startTimeTicks: 1, childPid: 0, startedAt: "2026-01-01T00:00:00Z" };
  writeFileSync(files.runtimePath, JSON.stringify(left));
  const second = new FakeVms(first);
  await second.recover();
  assert.equal(second.manager.find("box").state, "exited");
  const again = second.launcher.next();
  second.manager.restartDue();
  assert.deepEqual(
    ["box", "resting"].map((name) => second.manager.find(name).state),
    ["restarting", "exited"],
  );
  await again;
  await next(second, "start");
  await second.manager.remove({ vm: "box", force: true });
});

test("a health check runs as the VM's processes do, and events and lists tell of it", async () => {
  const vms = new FakeVms();
  const check = { test: ["CMD", "look"], intervalMs: 20 };
  const { vm, monitor } = await vms.run({ healthcheck: check, env: ["A=b"] });
  assert.match(vm.summary().status, /\(health: starting\)$|\(health: starting\) \(simulation\)$/);
  const { argv, user, env, stream } = await monitor.request("exec");
  assert.deepEqual([argv, user], [["look"], "app"]);
  assert.ok((env as string[]).includes("A=b"));
  await monitor.until(() => monitor.streams.some(({ hello }) => hello.id === stream));
  const changed = next(vms, "health_status: healthy");
  monitor.streams.find(({ hello }) => hello.id === stream)?.socket.end();
  monitor.tellBytes(json({ event: "execExited", params: { id: stream, code: 0 } }));
  await changed;
  assert.equal(vm.details().health?.status, "healthy");
  assert.equal(vms.changes.at(-1)?.kind, "changed");
  assert.equal((await vms.manager.list({ filters: { health: ["healthy"] } })).length, 1);
  assert.deepEqual(await vms.manager.list({ filters: { health: ["none"] } }), []);
  await vms.manager.stop({ vm: "box" });
  assert.equal(vm.details().health?.status, "unhealthy");
});
