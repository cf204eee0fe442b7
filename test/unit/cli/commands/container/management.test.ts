import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  MockerError,
  vmPause,
  vmPrune,
  vmRename,
  vmUnpause,
  vmUpdate,
} from "../../../../../engine/protocol/index.ts";
import { vmId } from "../../fixtures.ts";
import { type Result, Setup } from "../../harness.ts";

describe("rename, pause, update and prune", () => {
  let setup: Setup;
  before(async () => {
    setup = await Setup.create();
  });
  after(() => setup.close());
  const run = (...argv: string[]): Promise<Result> => setup.run(argv);

  test("rename says nothing, and what failed with Docker's last line", async () => {
    setup.engine.handle(vmRename, ({ vm }) => {
      if (vm === "gone") throw new MockerError("VM_NOT_FOUND", "No such container: gone");
      return { id: vmId };
    });
    assert.deepEqual(await run("rename", " old ", "new"), { code: 0, stdout: "", stderr: "" });
    assert.deepEqual(setup.engine.paramsOf("vm/rename"), { vm: "old", name: "new" });
    assert.deepEqual(await run("container", "rename", "gone", "new"), {
      code: 1,
      stdout: "",
      stderr: "mocker: No such container: gone\nError: failed to rename container named gone\n",
    });
    const empty = { code: 1, stdout: "", stderr: "Error: Neither old nor new names may be empty\n" };
    assert.deepEqual(await run("rename", "old", " "), empty);
  });

  test("pause and unpause take several, and say which could not be", async () => {
    setup.engine
      .handle(vmUnpause, () => ({ id: vmId }))
      .handle(vmPause, ({ vm }) => {
        if (vm === "b") throw new MockerError("INVALID_ARGUMENT", "Container b is already paused");
        return { id: vmId };
      });
    assert.deepEqual(await run("pause", "a", "b"), {
      code: 1,
      stdout: "a\n",
      stderr: "mocker: Container b is already paused\n",
    });
    assert.deepEqual(await run("container", "unpause", "a", "b"), { code: 0, stdout: "a\nb\n", stderr: "" });
  });

  test("update changes what is said, and needs something to be said", async () => {
    setup.engine.handle(vmUpdate, () => ({ id: vmId }));
    assert.deepEqual(await run("update", "-m", "512m", "--cpus", "1.5", "box"), {
      code: 0,
      stdout: "box\n",
      stderr: "WARNING: --cpus 1.5: a VM has whole CPUs, it gets 2\n",
    });
    assert.deepEqual(setup.engine.paramsOf("vm/update"), { vm: "box", memoryMiB: 512, cpus: 2 });
    const refused = await run("update", "--memory-swap", "1g", "box");
    assert.equal(refused.code, 125);
    assert.match(
      refused.stderr,
      /^invalid argument "1g" for "--memory-swap" flag: a VM has memory of its own: give it more or less with --memory\n/,
    );
    assert.deepEqual(await run("update", "box"), {
      code: 1,
      stdout: "",
      stderr: "you must provide one or more flags when using this command\n",
    });
  });

  test("container prune asks first, lists what is gone, and counts", async () => {
    setup.engine.handle(vmPrune, ({ filters }) => ({
      removed: filters?.label ? [] : ["a".repeat(64), "b".repeat(64)],
      reclaimedBytes: 2_982_000,
    }));
    assert.equal(
      (await run("container", "prune", "-f")).stdout,
      `Deleted Containers:\n${"a".repeat(64)}\n${"b".repeat(64)}\n\nTotal reclaimed space: 2.982MB\n`,
    );
    assert.equal(
      (await run("container", "prune", "--force", "--filter", "label=x")).stdout,
      "Total reclaimed space: 2.982MB\n",
    );
    assert.deepEqual(setup.engine.calls.at(-1)?.params, { filters: { label: ["x"] } });
    const asked = await run("container", "prune");
    assert.match(
      asked.stdout,
      /^WARNING! This will remove all stopped containers\.\nAre you sure .* \[y\/N\] /,
    );
    assert.equal(asked.code, 0);
  });
});
