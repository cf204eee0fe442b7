import assert from "node:assert/strict";
import { test } from "node:test";
import { statsRow } from "../../../../engine/docker/usage/stats.ts";
import { vmStats } from "../../cli/fixtures.ts";

test("CPU percent is what was used between two samples: 100 is one CPU", () => {
  const before = vmStats({ readAtMs: 1000, cpuMs: 500 });
  const now = vmStats({ readAtMs: 3000, cpuMs: 3500, memoryUsedBytes: 256, memoryLimitBytes: 1024 });
  assert.deepEqual(statsRow(before, now), { cpuPercent: 150, memoryPercent: 25 });
});

test("one sample alone, a start in between and a VM that does not run have no CPU percent", () => {
  const now = vmStats({ readAtMs: 2000, cpuMs: 100 });
  assert.equal(statsRow(undefined, now).cpuPercent, 0);
  assert.equal(statsRow(vmStats({ readAtMs: 1000, cpuMs: 900 }), now).cpuPercent, 0);
  const ended = vmStats({
    running: false,
    readAtMs: 3000,
    cpuMs: 0,
    memoryLimitBytes: 0,
    memoryUsedBytes: 0,
  });
  assert.deepEqual(statsRow(now, ended), { cpuPercent: 0, memoryPercent: 0 });
});
