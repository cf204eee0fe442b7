import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkpointCreate,
  checkpointList,
  checkpointRemove,
  vmInspect,
  vmStart,
} from "../../../../../engine/protocol/index.ts";
import { vmDetails, vmId } from "../../fixtures.ts";
import { runOffline, Setup } from "../../harness.ts";

test("checkpoints are made, listed, started from and removed", async (t) => {
  const setup = await Setup.create();
  t.after(() => setup.close());
  let copiedBytes = 12_300_000;
  setup.engine
    .handle(checkpointCreate, () => ({ copiedBytes, durationMs: 1234 }))
    .handle(checkpointList, () => [{ name: "one", createdAt: "2026-01-01T00:00:00Z" }])
    .handle(checkpointRemove, () => null)
    .handle(vmInspect, () => vmDetails())
    .handle(vmStart, () => ({ id: vmId }));
  assert.deepEqual(await setup.run(["checkpoint", "create", "web", "one"]), {
    code: 0,
    stdout: "one\n",
    stderr: "Copied 12.3MB in 1.2s: the file system shares no blocks between files\n",
  });
  copiedBytes = 0;
  assert.deepEqual(await setup.run(["checkpoint", "create", "web", "one"]), {
    code: 0,
    stdout: "one\n",
    stderr: "",
  });
  assert.equal((await setup.run(["checkpoint", "ls", "web"])).stdout, "CHECKPOINT NAME\none\n");
  assert.deepEqual(await setup.run(["checkpoint", "rm", "web", "one"]), { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(setup.engine.paramsOf("checkpoint/remove"), { vm: "web", checkpoint: "one" });
  assert.equal((await setup.run(["start", "--checkpoint", "one", "web"])).stdout, "web\n");
  assert.deepEqual(setup.engine.paramsOf("vm/start"), { vm: vmId, checkpoint: "one" });
});

test("what a checkpoint cannot be", async () => {
  const several = await runOffline(["start", "--checkpoint", "one", "a", "b"]);
  assert.deepEqual([several.code, several.stderr], [1, "you cannot restore multiple containers at once\n"]);
  const running = await runOffline(["checkpoint", "create", "--leave-running", "a", "b"]);
  assert.equal(running.code, 125);
  assert.match(
    running.stderr,
    /^mocker: --leave-running is not supported: .*no memory.*\nhint: Stop it first/,
  );
});
