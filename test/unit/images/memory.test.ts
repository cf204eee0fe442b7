import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { tmpDir } from "../../support/tmp-dir.ts";
import { makeImage, makeStore, makeTar, writeLayout } from "./support.ts";

// This file is also the program that is measured: it pulls one image into a store and says what memory it had at most.
const { MOCKER_PULL: pulled, MOCKER_PULL_INTO: into } = process.env;
if (pulled !== undefined && into !== undefined) {
  makeStore({ dir: into }).then(async ({ store }) => {
    await store.pull({ reference: pulled });
    // Not getrusage(2): that remembers the process that this one was forked from.
    process.stdout.write(`\n${/^VmHWM:.*$/m.exec(readFileSync("/proc/self/status", "utf8"))}\n`);
    process.exit(0);
  });
} else
  test("ten large layers at once take little memory", async () => {
    const noise = randomBytes(1 << 20);
    const tars: Buffer[] = [];
    for (let layer = 0; layer < 10; layer++)
      tars.push(await makeTar([{ name: `f${layer}`, content: Buffer.concat(Array(20).fill(noise)) }]));
    // Half of them compressed, with windows as large as `zstd` makes them by itself.
    let count = 0;
    const compress = (tar: Buffer): Buffer =>
      count++ % 2 === 0 ? tar : execFileSync("zstd", ["-q", "-19", "-c"], { input: tar, maxBuffer: 1 << 30 });
    const layout = writeLayout(join(tmpDir(), "layout"), { x: makeImage(tars, { compress }) });
    const env = {
      ...process.env,
      MOCKER_PULL: `oci:${layout}`,
      MOCKER_PULL_INTO: join(tmpDir(), "images"),
      NODE_TEST_CONTEXT: "",
    };
    const said = execFileSync(process.execPath, [__filename], { env }).toString();
    const kib = Number(/^VmHWM:\s+([0-9]+) kB$/m.exec(said)?.[1]);
    assert.ok(kib > 0 && kib < 150 * 1024, said);
  });
