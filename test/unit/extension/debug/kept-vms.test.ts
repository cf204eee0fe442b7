import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnd } from "../../../../engine/client/process-stream.ts";
import type { DebugVm } from "../../../../extension/debug/debug-process.ts";
import { KeptVms } from "../../../../extension/debug/kept-vms.ts";

class FakeVm implements DebugVm {
  readonly id: string;
  readonly name: string;
  readonly ended: Promise<StreamEnd>;
  removed = 0;
  end: () => void = () => undefined;

  constructor(name: string) {
    this.id = name;
    this.name = name;
    this.ended = new Promise((resolve) => {
      this.end = () => resolve({ kind: "closed" });
    });
  }

  async remove(): Promise<void> {
    this.removed++;
  }
}

test("a VM is kept for one session that wants its like, also before the other has let it go", async () => {
  const kept = new KeptVms();
  const vm = new FakeVm("a");
  let release: (vm: DebugVm) => void = () => undefined;
  kept.keep("like", new Promise((resolve) => (release = resolve)));
  assert.equal(await kept.take("unlike"), undefined);
  const taken = kept.take("like");
  release(vm);
  assert.equal(await taken, vm);
  assert.equal(await kept.take("like"), undefined);
  kept.dispose();
  assert.equal(vm.removed, 0);
});

test("a VM that has ended meanwhile, or that could not be kept, is none", async () => {
  const kept = new KeptVms();
  const ended = new FakeVm("a");
  kept.keep("like", Promise.resolve(ended));
  ended.end();
  assert.equal(await kept.take("like"), undefined);
  kept.keep("like", Promise.resolve(undefined));
  assert.equal(await kept.take("like"), undefined);
});

test("what nobody takes is removed", async () => {
  const kept = new KeptVms();
  const [first, second] = [new FakeVm("a"), new FakeVm("b")];
  kept.keep("like", Promise.resolve(first));
  kept.keep("like", Promise.resolve(second));
  await Promise.resolve();
  assert.deepEqual([first.removed, second.removed], [1, 0]);
  kept.dispose();
  await Promise.resolve();
  assert.equal(second.removed, 1);
});
