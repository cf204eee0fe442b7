import assert from "node:assert/strict";
import { test } from "node:test";
import { cgroupLimits } from "../../../../../../engine/daemon/vms/machine/cgroups/cgroup-limits.ts";
import type { KrunLaunch } from "../../../../../../engine/daemon/vms/machine/launch-spec.ts";

const krun: KrunLaunch = {
  libkrunPath: null,
  kernelPath: null,
  cpus: 2,
  memoryMiB: 1024,
  disks: [{ id: "root", path: "/d", format: "raw", readOnly: true }],
  diskFiles: [],
  shares: [],
  network: "none",
  weakJail: false,
  consolePath: "/c",
};
const all = ["memory", "pids", "cpu"];
const mebibyte = 1024 * 1024;

function limitOf(file: string, spec: Parameters<typeof cgroupLimits>[0]): string | undefined {
  return cgroupLimits(spec, all).find((limit) => limit.file === file)?.value;
}

test("a VMM may use what its guest has, and what it needs beside", () => {
  assert.equal(limitOf("memory.max", { krun }), String((1024 + 32 + 256) * mebibyte));
  assert.equal(limitOf("pids.max", { krun }), "67");
  assert.equal(limitOf("cpu.max", { krun }), "300000 100000");
  // The kernel's memory for files that a guest has open: 512 for each MiB.
  const shares = [{ tag: "s", path: "/s", readOnly: false }];
  const shared = Number(limitOf("memory.max", { krun: { ...krun, shares } }));
  assert.equal(shared, (1024 + 32 + 256) * mebibyte + 1024 * 512 * 2560);
});

test("a simulated workload may use what was asked for, and no swap", () => {
  const limits = cgroupLimits(
    { simulation: { network: "none", hostIds: false, cpus: 2, memoryMiB: 64, paths: [] } },
    all,
  );
  assert.deepEqual(Object.fromEntries(limits.map(({ file, value }) => [file, value])), {
    "memory.max": String(64 * mebibyte),
    "memory.swap.max": "0",
    "memory.oom.group": "1",
    "pids.max": "2048",
    "cpu.max": "200000 100000",
  });
});

test("controllers that cannot be had limit nothing", () => {
  assert.deepEqual(
    cgroupLimits({ krun }, ["pids"]).map(({ file }) => file),
    ["pids.max"],
  );
});
