import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { tmpDir } from "../support/tmp-dir.ts";
import { type Json, member, nativeDir, until, Vm } from "./vm.ts";

let vm: Vm | undefined;
afterEach(async () => {
  await vm?.dispose();
  vm = undefined;
});

test("sockets that were swept are made again, with their directory, and a new engine finds them", async () => {
  vm = await Vm.configured();
  const { runDir } = vm;
  assert.equal((vm.runtimeRecord() as Json & { runDir?: string }).runDir, runDir);
  vm.dropControl();
  rmSync(runDir, { recursive: true });
  await until(() => existsSync(join(runDir, "monitor.sock")));
  assert.equal(statSync(runDir).mode & 0o777, 0o700);
  await vm.connect();
  const { stdout } = await vm.run(["echo", "reached"]);
  assert.equal(stdout, "reached\n");
});

test("an engine that is connected is told how the VM has ended, in the words of the record", async () => {
  vm = await Vm.configured();
  await vm.run(["sh", "-c", "exit 7"]);
  await vm.monitorExit;
  const told = vm.monitorEvents.map((event) => member(event, "exit")).find(Boolean);
  assert.equal(member(told, "exitCode"), 7);
  assert.deepEqual(told, vm.exitRecord());
});

test("the exit is recorded on a disk that is full", async () => {
  // The disk is the state's alone, and the tests' mount namespace need not know it.
  let filler = "";
  vm = await Vm.configured({
    prepare: (lower) => {
      const stateDir = join(lower, "..", "state");
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", stateDir]);
      filler = join(stateDir, "filler");
    },
  });
  try {
    assert.throws(() => writeFileSync(filler, Buffer.alloc(2 << 20)), { code: "ENOSPC" });
    await vm.run(["sh", "-c", "exit 7"]);
    await vm.monitorExit;
    assert.equal(vm.exitRecord().exitCode, 7);
  } finally {
    await vm.monitorExit;
    execFileSync("umount", [vm.stateDir]);
  }
});

test("a directory deeper than a path can say, and than descriptors there are, is removed", () => {
  const dir = tmpDir();
  const top = join(dir, "top");
  mkdirSync(top);
  writeFileSync(join(top, "file"), "x");
  for (let depth = 0; depth < 2500; depth++) {
    const outer = join(dir, "outer");
    mkdirSync(join(outer, "beside"), { recursive: true });
    renameSync(top, join(outer, "a"));
    renameSync(outer, top);
  }
  execFileSync("sh", ["-c", 'ulimit -n 64; exec "$0" --remove "$1"', join(nativeDir, "mocker-vmm"), top]);
  assert.ok(!existsSync(top));
});
