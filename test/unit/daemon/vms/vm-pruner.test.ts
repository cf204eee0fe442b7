import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeVms } from "./fake-vms.ts";

test("a prune takes the VMs that do not run, says what they took of the disk, and is an event", async () => {
  const vms = new FakeVms();
  const created = await vms.create({ name: "created" });
  await vms.run({ name: "running" });
  await vms.run({ name: "paused" });
  await vms.manager.pause({ vm: "paused" });
  await vms.create({ name: "kept", labels: { keep: "" } });
  const pruned = await vms.manager.prune({ filters: { "label!": ["keep"] } });
  assert.deepEqual(pruned.removed, [created.id]);
  assert.ok(pruned.reclaimedBytes > 0);
  const left = await vms.manager.list({ all: true });
  assert.deepEqual(left.map(({ name }) => name).sort(), ["kept", "paused", "running"]);
  const event = vms.events.between().at(-1);
  assert.deepEqual(
    [event?.action, event?.actor.attributes],
    ["prune", { reclaimed: String(pruned.reclaimedBytes) }],
  );
});

test("until is an age, and other filters are refused before anything is removed", async () => {
  const vms = new FakeVms();
  await vms.create();
  assert.deepEqual((await vms.manager.prune({ filters: { until: ["24h"] } })).removed, []);
  await assert.rejects(vms.manager.prune({ filters: { until: ["xx"] } }), {
    message: 'failed to parse value as time or duration: "xx"',
  });
  await assert.rejects(vms.manager.prune({ filters: { name: ["box"] } }), {
    message: "invalid filter 'name'",
  });
  assert.equal((await vms.manager.list({ all: true })).length, 1);
});
