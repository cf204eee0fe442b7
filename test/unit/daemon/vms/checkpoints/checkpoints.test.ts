import "../../../../support/built-product.ts";
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CheckpointDir } from "../../../../../engine/daemon/vms/checkpoints/checkpoint-dir.ts";
import { Checkpoints } from "../../../../../engine/daemon/vms/checkpoints/checkpoints.ts";
import type { CopyTree } from "../../../../../engine/daemon/vms/checkpoints/copy-files.ts";
import type { Vm } from "../../../../../engine/daemon/vms/vm.ts";
import * as native from "../../../../../native/index.ts";
import { FakeVms } from "../fake-vms.ts";

const quiet = { signal: new AbortController().signal, onProgress: () => undefined };

class Fixture {
  readonly vms: FakeVms;
  readonly checkpoints: Checkpoints;
  copyTree: CopyTree = native.copyTree;

  constructor(predecessor?: FakeVms) {
    this.vms = new FakeVms(predecessor);
    this.checkpoints = new Checkpoints(this.vms.manager, this.vms.state, (...copy) => this.copyTree(...copy));
  }

  /** A VM that has run, and has written a file. */
  async ended(content: string): Promise<Vm> {
    const { vm, monitor } = await this.vms.run({ cpus: 1 });
    monitor.exit({ exitCode: 0 });
    await vm.ended;
    this.write(vm, content);
    return vm;
  }

  write(vm: Vm, content: string): void {
    writeFileSync(join(vm.files.upperDir, "file"), content, { mode: 0o640 });
  }

  read(vm: Vm): string {
    return readFileSync(join(vm.files.upperDir, "file"), "utf8");
  }

  async names(): Promise<string[]> {
    return (await this.checkpoints.list({ vm: "box" })).map(({ name }) => name);
  }
}

/** What is in a VM's directory beside its records. */
function hidden(vm: Vm): string[] {
  return readdirSync(vm.files.dir).filter((name) => name.startsWith("."));
}

test("a VM starts with the files and the configuration of a checkpoint, and with the name that it has", async () => {
  const own = new Fixture();
  const { vms, checkpoints } = own;
  const vm = await own.ended("first");
  await checkpoints.create({ vm: "box", checkpoint: "c1" }, quiet);
  own.write(vm, "second");
  writeFileSync(join(vm.files.upperDir, "later"), "");
  await checkpoints.create({ vm: "box", checkpoint: "b2" }, quiet);
  await vms.manager.update({ vm: "box", cpus: 2 });
  await vms.manager.rename({ vm: "box", name: "other" });
  assert.deepEqual(
    (await checkpoints.list({ vm: "other" })).map(({ name }) => name),
    ["b2", "c1"],
  );
  assert.ok(vms.actions().includes("checkpoint"));

  await checkpoints.start({ vm: "other", checkpoint: "c1" });
  assert.equal(own.read(vm), "first");
  assert.equal(existsSync(join(vm.files.upperDir, "later")), false);
  assert.deepEqual([vm.config.name, vm.config.cpus, vms.runtime.requests.at(-1)?.cpus], ["other", 1, 1]);
  assert.deepEqual(hidden(vm), []);
  const running = {
    code: "VM_RUNNING",
    message: /it is running, and a checkpoint has no memory/,
    hint: "Stop it first: mocker stop other",
  };
  await assert.rejects(checkpoints.create({ vm: "other", checkpoint: "c3" }, quiet), running);
  await assert.rejects(checkpoints.start({ vm: "other", checkpoint: "c1" }), running);

  await checkpoints.remove({ vm: "other", checkpoint: "c1" });
  const missing = { message: "checkpoint c1 does not exist for container other" };
  await assert.rejects(checkpoints.remove({ vm: "other", checkpoint: "c1" }), missing);
  await assert.rejects(checkpoints.start({ vm: "other", checkpoint: "c1" }), missing);
  await assert.rejects(checkpoints.remove({ vm: "other", checkpoint: ".." }), /does not exist/);
  await vms.manager.remove({ vm: "other", force: true });
  assert.equal(existsSync(vm.files.dir), false);
});

test("a VM that never ran is as new again", async () => {
  const own = new Fixture();
  const vm = await own.vms.create();
  await own.checkpoints.create({ vm: "box", checkpoint: "new" }, quiet);
  await assert.rejects(own.checkpoints.create({ vm: "box", checkpoint: "new" }, quiet), {
    message: "checkpoint with name new already exists for container box",
  });
  await assert.rejects(own.checkpoints.create({ vm: "box", checkpoint: "../x" }, quiet), {
    message: "Invalid checkpoint ID (../x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
  });
  mkdirSync(vm.files.upperDir);
  own.write(vm, "written");
  await own.checkpoints.start({ vm: "box", checkpoint: "new" });
  assert.deepEqual(readdirSync(vm.files.upperDir), []);
});

test("a full disk loses nothing, and leaves nothing", async () => {
  const own = new Fixture();
  const vm = await own.ended("first");
  await own.checkpoints.create({ vm: "box", checkpoint: "c1" }, quiet);
  own.write(vm, "second");
  own.copyTree = async (_, to) => {
    mkdirSync(to);
    throw new Error("cp: error writing 'x': No space left on device");
  };
  await assert.rejects(own.checkpoints.create({ vm: "box", checkpoint: "c2" }, quiet), { code: "NO_SPACE" });
  await assert.rejects(own.checkpoints.start({ vm: "box", checkpoint: "c1" }), { code: "NO_SPACE" });
  assert.deepEqual(await own.names(), ["c1"]);
  assert.deepEqual(readdirSync(join(vm.files.dir, "checkpoints")), ["c1"]);
  assert.deepEqual([own.read(vm), hidden(vm), vm.state], ["second", [], "exited"]);
});

test("a checkpoint that is cancelled leaves nothing", async () => {
  const own = new Fixture();
  const vm = await own.ended("first");
  const cancelled = new AbortController();
  own.copyTree = async (_, to) => {
    mkdirSync(to);
    cancelled.abort(new Error("enough"));
  };
  await assert.rejects(
    own.checkpoints.create({ vm: "box", checkpoint: "c1" }, { ...quiet, signal: cancelled.signal }),
    /enough/,
  );
  assert.deepEqual(readdirSync(join(vm.files.dir, "checkpoints")), []);
});

test("what an engine has left half done is no checkpoint, and swept by the next one", async () => {
  const own = new Fixture();
  const vm = await own.ended("first");
  await own.checkpoints.create({ vm: "box", checkpoint: "c1" }, quiet);
  own.write(vm, "second");
  const half = join(vm.files.dir, "checkpoints", ".creating-c2", "upper");
  mkdirSync(half, { recursive: true });
  mkdirSync(join(vm.files.dir, ".restoring", "upper"), { recursive: true });
  assert.deepEqual(await own.names(), ["c1"]);
  const next = new Fixture(own.vms);
  await next.vms.recover();
  assert.deepEqual(await next.names(), ["c1"]);
  assert.deepEqual(readdirSync(join(vm.files.dir, "checkpoints")), ["c1"]);
  assert.deepEqual([next.read(vm), hidden(vm)], ["second", []]);
});

for (const cut of ["before the VM's files are moved away", "after they are", "when it has the checkpoint's"])
  test(`a restoration that was cut off ${cut} is carried through`, async () => {
    const own = new Fixture();
    const vm = await own.ended("first");
    await own.checkpoints.create({ vm: "box", checkpoint: "c1" }, quiet);
    await own.vms.manager.update({ vm: "box", cpus: 2 });
    own.write(vm, "second");
    const restored = join(vm.files.dir, ".restored");
    mkdirSync(restored);
    const saved = join(vm.files.dir, "checkpoints", "c1");
    mkdirSync(join(restored, "upper"));
    for (const name of ["config.json", "upper/file"])
      writeFileSync(join(restored, name), readFileSync(join(saved, name)));
    const isMoved = cut.startsWith("before") ? "unmoved" : "moved";
    writeFileSync(join(restored, isMoved), "");
    if (isMoved === "moved") renameSync(vm.files.upperDir, join(restored, "old-upper"));
    if (cut.startsWith("when")) renameSync(join(restored, "upper"), vm.files.upperDir);

    const next = new Fixture(own.vms);
    await next.vms.recover();
    const found = next.vms.manager.find("box");
    assert.deepEqual([next.read(found), found.config.cpus, hidden(vm)], ["first", 1, []]);
  });

test("what cannot be erased hides no VM", async () => {
  const own = new Fixture();
  const vm = await own.ended("first");
  mkdirSync(join(vm.files.dir, ".restoring"));
  const errors: unknown[] = [];
  const dir = new CheckpointDir(vm.files, async () => {
    throw new Error("busy");
  });
  await dir.recover((error) => errors.push(error));
  assert.equal(errors.length, 1);
});
