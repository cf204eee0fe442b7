import assert from "node:assert/strict";
import { test } from "node:test";
import { statsOf } from "../../../../../engine/daemon/vms/usage/vm-stats.ts";
import { FakeVms } from "../fake-vms.ts";

const used = {
  memoryUsedBytes: 5_000_000,
  processes: 2,
  threads: 9,
  cpuUs: 70_000,
  networkReceivedBytes: 11,
  networkSentBytes: 12,
  blockReadBytes: 13,
  blockWrittenBytes: 14,
};

test("a VM's CPU time is the host's figure, the simulation's its agent's", async () => {
  const vms = new FakeVms();
  vms.launcher.script = { answers: { stats: () => used } };
  vms.launcher.hostUsage = { cpuMs: 900, residentBytes: 8_000_000 };
  const { vm, monitor } = await vms.run();
  monitor.writeRuntime();
  const simulated = await vms.manager.stats({ vm: "box" });
  assert.deepEqual([simulated.cpuMs, simulated.hostMemoryBytes, simulated.pids], [70, 5_000_000, 9]);
  const io = [simulated.networkReceivedBytes, simulated.networkSentBytes, simulated.blockReadBytes];
  assert.deepEqual([...io, simulated.blockWrittenBytes], [11, 12, 13, 14]);
  const krun = await statsOf({ ...vm.config, runtime: "krun" }, vm.requireMachine(), false);
  assert.deepEqual([krun.cpuMs, krun.hostMemoryBytes, krun.memoryUsedBytes], [900, 8_000_000, 5_000_000]);
});

test("a paused VM is not asked: it uses what it used last", async () => {
  const vms = new FakeVms();
  vms.launcher.script = { answers: { stats: () => used } };
  const { monitor } = await vms.run();
  await vms.manager.stats({ vm: "box" });
  await vms.manager.pause({ vm: "box" });
  const { running, memoryUsedBytes, pids } = await vms.manager.stats({ vm: "box" });
  assert.deepEqual([running, memoryUsedBytes, pids], [true, 5_000_000, 9]);
  assert.equal(monitor.methods().filter((method) => method === "stats").length, 1);
});
