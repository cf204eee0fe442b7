import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { changeLimits } from "../../../../../../engine/daemon/vms/machine/cgroups/live-limits.ts";
import { tmpDir } from "../../../../../support/tmp-dir.ts";

const mebibyte = 1024 * 1024;

/** The record of a machine's launch, and a directory for its cgroup. */
function launched(spec: object, usedBytes = 10 * mebibyte): { specPath: string; read(file: string): string } {
  const path = tmpDir();
  const specPath = join(path, "vmm.json");
  writeFileSync(specPath, JSON.stringify({ version: 1, cgroup: { path, limits: [] }, ...spec }));
  writeFileSync(join(path, "cpu.max"), "max 100000");
  writeFileSync(join(path, "memory.max"), "max");
  writeFileSync(join(path, "memory.current"), `${usedBytes}\n`);
  return { specPath, read: (file) => readFileSync(join(path, file), "utf8") };
}

test("a microVM that runs uses fewer of its CPUs, and all of them again, and keeps its memory", async () => {
  const files = launched({ krun: { cpus: 4 } });
  assert.equal(await changeLimits(files, { cpus: 3 }), undefined);
  assert.equal(files.read("cpu.max"), "300000 100000");
  assert.equal(await changeLimits(files, { cpus: 4 }), undefined);
  assert.equal(files.read("cpu.max"), "500000 100000", "with one for the VMM");
  assert.equal(await changeLimits(files, { cpus: 5 }), "gets no more CPUs than it was started with (4)");
  assert.equal(await changeLimits(files, { cpus: 1, memoryMiB: 64 }), "keeps its memory");
  assert.equal(files.read("cpu.max"), "500000 100000");
});

test("a simulation that runs gets what it is given, if it does not use more already", async () => {
  const files = launched({ simulation: { cpus: 1 } });
  assert.equal(await changeLimits(files, { cpus: 8, memoryMiB: 64 }), undefined);
  assert.deepEqual([files.read("cpu.max"), files.read("memory.max")], ["800000 100000", `${64 * mebibyte}`]);
  assert.equal(
    await changeLimits(files, { cpus: 1, memoryMiB: 6 }),
    "keeps its memory while it uses more (10.5MB)",
  );
  assert.equal(files.read("cpu.max"), "800000 100000");
});

test("without a cgroup, or a controller in it, a VM that runs keeps what it has, and says why", async () => {
  const simulation = { cpus: 1 };
  const none = launched({ simulation, cgroup: { problem: "this system has no cgroup v2" } });
  assert.equal(
    await changeLimits(none, { cpus: 1 }),
    "keeps its CPUs and its memory: it has no cgroup (this system has no cgroup v2)",
  );
  const files = launched({ simulation });
  rmSync(join(files.specPath, "..", "cpu.max"));
  assert.equal(
    await changeLimits(files, { cpus: 1, memoryMiB: 64 }),
    "keeps its CPUs and its memory: its cgroup has no cpu.max",
  );
  assert.equal(files.read("memory.max"), "max");
});
