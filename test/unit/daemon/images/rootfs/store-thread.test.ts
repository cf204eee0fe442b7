import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runStoreJob } from "../../../../../engine/daemon/images/rootfs/store-thread.ts";
import "../../../../support/built-product.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

test("a job that is given up ends with the reason for that", async () => {
  const controller = new AbortController();
  const directory = join(tmpDir(), "root");
  mkdirSync(directory);
  const job = runStoreJob({ op: "compare", directory, privileged: false, layers: [] }, controller);
  const reason = new Error("given up");
  controller.abort(reason);
  await assert.rejects(job, reason);
});
