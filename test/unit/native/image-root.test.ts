import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { defaultLimits } from "../../../engine/images/layers/layer-converter.ts";
import { LayerMerge } from "../../../engine/images/layers/layer-merge.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";
import { nativeDir, RootMerge } from "../../../native/index.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { convert } from "../fuzz/layers.ts";
import { makeTar } from "../images/support.ts";

const dir = tmpDir();

async function manyFiles(count: number): Promise<string> {
  const entries = Array.from({ length: count }, (_, i) => ({
    name: `${i % 100}/${i % 7}/f${i}`,
    content: "x",
  }));
  return convert(await makeTar(entries), 1 << 20, defaultLimits).indexPath;
}

test("a thread may be ended while layers are merged in it", async () => {
  const indexPath = await manyFiles(20_000);
  const script = `
    const { parentPort } = require("node:worker_threads");
    const addon = require(${JSON.stringify(join(nativeDir(), "mocker.node"))});
    const root = addon.openRoot();
    const loop = async () => {
      for (;;) await addon.applyRoot(root, ${JSON.stringify(indexPath)});
    };
    parentPort.postMessage("begun");
    loop();`;
  for (let i = 0; i < 20; i++) {
    const worker = new Worker(script, { eval: true });
    await new Promise((resolve) => worker.once("message", resolve));
    await sleep(i);
    assert.equal(await worker.terminate(), 1);
  }
});

test("a merge goes on one step at a time, and no step follows its end", async () => {
  const indexPath = await manyFiles(2000);
  const merge = new RootMerge();
  const step = merge.apply(indexPath);
  await assert.rejects(merge.list(), /being worked on/);
  // Frees it when the step is over.
  merge.close();
  merge.close();
  await step;
  await assert.rejects(merge.list(), /closed/);
});

test("what cannot be merged says why", async () => {
  const damaged = join(dir, "damaged");
  writeFileSync(damaged, "MKRLAYR1 and nothing more");
  const code = async (indexPath: string): Promise<unknown> => {
    const merge = new LayerMerge();
    try {
      await merge.apply([{ indexPath, dataPath: "", name: "web:latest, layer 1 of 2" }]);
      return undefined;
    } catch (error) {
      assert.ok(error instanceof Error);
      assert.match(error.message, error instanceof MockerError ? /^web:latest, layer 1 of 2: / : /missing/);
      return (error as NodeJS.ErrnoException).code;
    } finally {
      merge.close();
    }
  };
  assert.equal(await code(damaged), "STATE_CORRUPT");
  assert.equal(await code(join(dir, "missing")), "ENOENT");
  const whole = convert(await makeTar([{ name: "h", type: "link", linkname: "nowhere" }]), 1 << 20);
  assert.equal(await code(whole.indexPath), "IMAGE_INVALID");
});
