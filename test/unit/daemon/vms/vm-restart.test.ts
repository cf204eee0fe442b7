/** The stop and start of a VM in one request. */
import assert from "node:assert/strict";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FakeVms } from "./fake-vms.ts";
import { agentError } from "./machine/fake-monitor.ts";

const always = { restart: { name: "always", maximumRetryCount: 0 } } as const;
/** A guest that does not end when it is asked to, unless at once. */
const stubborn = {
  answers: {
    stop: ({ graceMs }: Record<string, unknown>, monitor: { exit(exit: object): void }) => {
      if (graceMs === 0) monitor.exit({ exitCode: 137, signal: 9 });
      return {};
    },
  },
};
const lives = ["create", "start", "kill", "die", "stop", "start", "restart"];

test("a VM is stopped with its own grace and starts again, whatever its policy is, with Docker's events", async () => {
  const vms = new FakeVms();
  const { vm, monitor } = await vms.run({ ...always, stopTimeoutSeconds: 7, stopSignal: "INT" });
  assert.deepEqual(await vms.manager.restart({ vm: "box" }), { id: vm.id });
  assert.deepEqual(await monitor.request("stop"), { signal: 2, graceMs: 7000, keepsFiles: true });
  assert.deepEqual([vm.state, vm.exit, vm.details().restartCount], ["running", undefined, 0]);
  assert.equal(vms.launcher.monitors.length, 2);
  assert.deepEqual(vms.actions(), lives);
  const second = vms.launcher.last;
  await vms.manager.restart({ vm: "box", signal: "HUP", timeoutSeconds: -1 });
  assert.deepEqual(await second.request("stop"), { signal: 1, graceMs: -1, keepsFiles: true });
  vms.launcher.last.exit({ exitCode: 3 });
  await vm.ended;
  assert.equal(vm.state, "restarting", "its policy counts from its next end on");
  await vms.manager.restart({ vm: "box" });
  assert.deepEqual([vm.state, vm.details().restartCount], ["running", 0]);
  await vms.manager.remove({ vm: "box", force: true });
});

test("a VM that does not run is started, one that boots is restarted when it runs", async () => {
  const vms = new FakeVms();
  await vms.create();
  await vms.manager.restart({ vm: "box", signal: "NOSIG" });
  assert.deepEqual(vms.actions(), ["create", "start", "restart"]);
  await vms.manager.stop({ vm: "box" });
  await Promise.all([vms.manager.start({ vm: "box" }), vms.manager.restart({ vm: "box" })]);
  assert.equal(vms.launcher.monitors.length, 3);
  assert.deepEqual(vms.actions().slice(-6), ["start", "kill", "die", "stop", "start", "restart"]);
});

test("a restart that cannot be leaves a VM that runs alone", async () => {
  const vms = new FakeVms();
  const file = join(vms.dir, "secret");
  writeFileSync(file, "s3cret");
  const { vm } = await vms.run({
    secretEnv: [{ name: "TOKEN" }, { name: "KEY", file }],
    secretValues: { TOKEN: "first" },
  });
  await assert.rejects(vms.manager.restart({ vm: "box", signal: "NOSIG" }), { code: "INVALID_ARGUMENT" });
  rmSync(file);
  await assert.rejects(vms.manager.restart({ vm: "box" }), { code: "SECRET_MISSING" });
  assert.deepEqual([vm.state, vms.actions()], ["running", ["create", "start"]]);
  writeFileSync(file, "other");
  await vms.manager.restart({ vm: "box", secretValues: { TOKEN: "second" } });
  const { env } = await vms.launcher.last.request("start");
  assert.deepEqual((env as string[]).slice(-2), ["TOKEN=second", "KEY=other"]);
});

test("a VM with --rm outlives its restart, and no end after it", async () => {
  const vms = new FakeVms();
  const { vm } = await vms.run({ autoRemove: true });
  await vms.manager.restart({ vm: "box" });
  assert.deepEqual([vm.state, existsSync(vm.files.dir)], ["running", true]);
  const removed = vms.manager.wait({ vm: "box", condition: "removed" });
  vms.launcher.last.exit({ exitCode: 4 });
  assert.equal((await removed).exitCode, 4);
  assert.deepEqual(vms.actions(), [...lives, "die", "destroy"]);
});

for (const [how, arrange] of [
  [
    "fails",
    (vms: FakeVms) => {
      vms.launcher.script = { answers: { start: () => agentError("NOT_FOUND", "no such command") } };
    },
  ],
  [
    "never comes to its machine",
    (vms: FakeVms) => {
      vms.runtime.gate = Promise.reject(new Error("no image"));
      vms.runtime.gate.catch(() => undefined);
    },
  ],
] as const) {
  test(`a VM with --rm whose start after the stop ${how} is removed`, async () => {
    const vms = new FakeVms();
    await vms.run({ autoRemove: true });
    const removed = vms.manager.wait({ vm: "box", condition: "removed" });
    arrange(vms);
    await assert.rejects(vms.manager.restart({ vm: "box" }), /no such command|no image/);
    await removed;
    assert.deepEqual(vms.errors(), []);
  });
}

test("of two restarts the second cuts the first one's grace short, and both have one start", async () => {
  const vms = new FakeVms();
  vms.launcher.script = stubborn;
  const { monitor } = await vms.run();
  const first = vms.manager.restart({ vm: "box", timeoutSeconds: 3600 });
  await monitor.request("stop");
  await Promise.all([first, vms.manager.restart({ vm: "box", timeoutSeconds: 0 })]);
  assert.equal(vms.launcher.monitors.length, 2);
  const [starts, restarts] = ["start", "restart"].map(
    (wanted) => vms.actions().filter((action) => action === wanted).length,
  );
  assert.deepEqual([starts, restarts], [2, 2]);
});

for (const [verb, end] of [
  ["stopped", (vms: FakeVms) => vms.manager.stop({ vm: "box", timeoutSeconds: 0 })],
  ["killed", (vms: FakeVms) => vms.manager.kill({ vm: "box" })],
  ["removed", (vms: FakeVms) => vms.manager.remove({ vm: "box", force: true })],
] as const) {
  for (const autoRemove of [false, true]) {
    test(`a VM ${autoRemove ? "with --rm " : ""}that is ${verb} during a restart does not start`, async () => {
      const vms = new FakeVms();
      vms.launcher.script = stubborn;
      const { vm, monitor } = await vms.run(autoRemove ? { autoRemove } : always);
      const restart = assert.rejects(vms.manager.restart({ vm: "box", timeoutSeconds: 3600 }), {
        code: "VM_FAILED",
        message: `container box was ${verb} while it was starting`,
      });
      await monitor.request("stop");
      const gone = vms.manager.wait({
        vm: "box",
        condition: autoRemove || verb === "removed" ? "removed" : "not-running",
      });
      await end(vms);
      await restart;
      assert.equal((await gone).exitCode, 137);
      await vm.turn(async () => undefined).catch(() => undefined);
      assert.deepEqual([vm.state, vm.busy, vms.launcher.monitors.length], ["exited", false, 1]);
      assert.equal(existsSync(vm.files.dir), !autoRemove && verb !== "removed");
      assert.deepEqual(vms.errors(), []);
    });
  }
}
