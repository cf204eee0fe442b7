import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, member, until, Vm } from "./vm.ts";

let vm: Vm | undefined;
afterEach(async () => {
  await vm?.dispose();
  vm = undefined;
});

async function trapping(script: string): Promise<{ box: Vm; stream: ReturnType<Vm["attach"]> }> {
  vm = await Vm.configured();
  const stream = vm.attach();
  await vm.start(["sh", "-c", `${script}; echo up; while :; do sleep 0.02; done`]);
  await stream.waitFor(/up/);
  return { box: vm, stream };
}

test("stop lets the process end with its own code", async () => {
  const { box, stream } = await trapping("trap 'echo bye; exit 3' TERM");
  await box.request("stop", { signal: 15, graceMs: 60_000 });
  assert.deepEqual(await stream.exit, { code: 3 });
  assert.match(stream.stdout.toString(), /bye\n$/);
  assert.equal(await box.monitorExit, 0);
  assert.deepEqual([box.exitRecord().exitCode, box.exitRecord().reason], [3, "exited"]);
});

test("stop kills what does not end within the grace", async () => {
  const { box, stream } = await trapping("trap '' TERM");
  const began = Date.now();
  await box.request("stop", { signal: 15, graceMs: 300 });
  assert.deepEqual(await stream.exit, { code: 137, signal: 9 });
  assert.ok(Date.now() - began >= 290, "not before the grace is over");
});

test("stop without end waits, until it is asked again", async () => {
  const { box, stream } = await trapping("trap '' TERM");
  await box.request("stop", { signal: 15, graceMs: -1 });
  await sleep(300);
  assert.ok(!existsSync(join(box.stateDir, "exit.json")));
  await box.request("stop", { signal: 15, graceMs: 0 });
  assert.deepEqual(await stream.exit, { code: 137, signal: 9 });
});

test("stop with another signal", async () => {
  const { box, stream } = await trapping("trap 'exit 11' INT");
  await box.request("stop", { signal: 2, graceMs: 60_000 });
  assert.deepEqual(await stream.exit, { code: 11 });
});

test("stop ends a VM whose client has stopped reading", async () => {
  vm = await Vm.configured();
  const stuck = vm.attach();
  stuck.socket.pause();
  await vm.start(["sh", "-c", "trap 'exit 6' TERM; while :; do head -c 100000 /dev/zero; done"]);
  await sleep(500);
  await vm.request("stop", { signal: 15, graceMs: 60_000 });
  await until(() => existsSync(join((vm as Vm).stateDir, "exit.json")));
  assert.equal(vm.exitRecord().exitCode, 6);
});

test("stop before the start ends the VM", async () => {
  vm = await Vm.configured();
  await vm.request("stop", { signal: 15, graceMs: 1000 });
  assert.equal(await vm.monitorExit, 0);
  assert.equal(vm.exitRecord().reason, "vm-died");
});

test("SIGTERM to the monitor is a stop", async () => {
  const { box, stream } = await trapping("trap 'exit 4' TERM");
  box.monitor.kill("SIGTERM");
  assert.deepEqual(await stream.exit, { code: 4 });
  assert.equal(await box.monitorExit, 0);
  assert.equal(box.agentEvents.length, 0);
});

test("a signal to the simulation's first process is no end of it", async () => {
  const { box, stream } = await trapping("trap 'exit 4' TERM");
  for (const pid of [box.runtimeRecord().childPid, box.monitor.pid ?? 0]) process.kill(pid, "SIGTERM");
  assert.deepEqual(await stream.exit, { code: 4 });
  assert.equal(await box.monitorExit, 0);
});

test("a grace without measure is none that is over", async () => {
  const { box, stream } = await trapping("trap 'echo asked' TERM; trap 'exit 9' INT");
  // The largest number of JavaScript's that the agent's clock can take alone, but not with the time that it
  // is now.
  await box.request("stop", { signal: 15, graceMs: 2 ** 63 - 1024 });
  await stream.waitFor(/asked/);
  await box.request("signal", { target: "main", signal: 2 });
  assert.deepEqual(await stream.exit, { code: 9 });
});

test("SIGHUP to the monitor is nothing", async () => {
  const { box } = await trapping("true");
  box.monitor.kill("SIGHUP");
  assert.deepEqual(await box.request("ping"), {});
});

test("kill -9 of the monitor leaves no process, no exit record, and the lock free", async () => {
  const { box } = await trapping("sleep 1000 & sleep 1000 & true");
  const { childPid } = box.runtimeRecord();
  assert.ok(isAlive(childPid));
  box.monitor.kill("SIGKILL");
  await box.monitorExit;
  await until(() => !isAlive(childPid), 5000);
  assert.ok(!existsSync(join(box.stateDir, "exit.json")));
});

test("kill -9 of the child is recorded as the VM's death", async () => {
  const { box, stream } = await trapping("true");
  process.kill(box.runtimeRecord().childPid, "SIGKILL");
  assert.deepEqual(await stream.exit, {
    code: 137,
    reason: "vm-died",
    message: "the VM's process was killed by SIGKILL",
  });
  assert.equal(await box.monitorExit, 0);
  const record = box.exitRecord();
  assert.deepEqual([record.exitCode, record.signal, record.reason], [137, null, "vm-died"]);
  assert.ok(!existsSync(join(box.runDir, "monitor.sock")));
});

test("what was written before a death is in the log", async () => {
  vm = await Vm.configured();
  const stream = vm.attach();
  await vm.start([
    "sh",
    "-c",
    "head -c 300000 /dev/zero; echo; echo -n last words >&2; kill -9 1; sleep 1000",
  ]);
  await until(() => stream.stderr.length > 0);
  process.kill(vm.runtimeRecord().childPid, "SIGKILL");
  await stream.exit;
  assert.equal(await vm.monitorExit, 0);
  assert.equal(vm.logged("stdout").length, 300_001);
  assert.equal(vm.logged("stderr").toString(), "last words");
});

test("an agent that ends instead of answering is a failed boot", async () => {
  vm = new Vm({ agentPath: "/bin/busybox" });
  assert.equal(await vm.monitorExit, 0);
  const record = vm.exitRecord();
  assert.deepEqual([record.exitCode, record.reason], [125, "boot-failed"]);
  assert.match(record.message, /ended with status 127 before its agent had answered/);
});

test("an agent that is not there is a failed boot", async () => {
  vm = new Vm({ agentPath: "/no/such/agent" });
  assert.equal(await vm.monitorExit, 0);
  assert.deepEqual(
    [vm.exitRecord().reason, vm.exitRecord().message],
    ["boot-failed", "/no/such/agent: no such file or directory"],
  );
});

test("the engine may go and come back", async () => {
  const { box } = await trapping("true");
  box.dropControl();
  box.monitorEvents = [];
  await box.connect();
  await until(() => box.monitorEvents.length > 0);
  assert.equal(member(box.monitorEvents[0], "main"), "running");
  assert.equal(member(member(box.monitorEvents[0], "agent"), "protocol"), 2);
  assert.deepEqual(await box.request("ping"), {});
});

test("the newest control connection wins", async () => {
  vm = await Vm.configured();
  const older = vm.connection({ role: "control" });
  await new Promise((done) => older.once("data", done));
  const ended = new Promise((done) => older.once("end", done));
  vm.connection({ role: "control" });
  await ended;
  older.destroy();
});

test("a second monitor of the same VM is refused", async () => {
  vm = await Vm.boot();
  const second = spawnSync(vm.monitor.spawnfile, [join(vm.stateDir, "vmm.json")], { encoding: "utf8" });
  assert.equal(second.status, 75);
  assert.match(second.stderr, /another monitor has this VM/);
  assert.deepEqual(await vm.request("ping"), {});
});

test("a VM can be started again and its log goes on", async () => {
  vm = await Vm.configured();
  await vm.run(["echo", "one"]);
  await vm.monitorExit;
  await vm.restart();
  await vm.configure();
  const { stdout } = await vm.run(["echo", "two"]);
  assert.equal(stdout, "two\n");
  await vm.monitorExit;
  assert.equal(vm.logged("stdout").toString(), "one\ntwo\n");
});
