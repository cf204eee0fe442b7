import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { StateDir } from "../../../../../../engine/daemon/vms/records/state-dir.ts";
import { SimulationRuntime } from "../../../../../../engine/daemon/vms/runtimes/simulation/simulation-runtime.ts";
import { tmpDir } from "../../../../../support/tmp-dir.ts";

test("a block volume is refused before anything is made", async () => {
  const files = await new StateDir(tmpDir(), async () => undefined).scratch("ab".repeat(32));
  const images = { rootDirectory: async () => assert.fail("the image was unpacked") };
  const runtime = new SimulationRuntime(images, async () => undefined);
  const disk = { volume: "big", source: "/v/big/block.img", target: "/data", readOnly: false, writes: true };
  const request = {
    ...{ imageId: "image", cpus: 1, memoryMiB: 64 },
    network: { mode: "none" as const },
    mounts: [{ type: "disk" as const, ...disk }],
  };
  await assert.rejects(runtime.prepare(request, files), {
    code: "FEATURE_UNAVAILABLE",
    message: "block volumes need a microVM: the simulation cannot mount big",
  });
  assert.ok(!existsSync(join(files.dir, "upper")));
});
