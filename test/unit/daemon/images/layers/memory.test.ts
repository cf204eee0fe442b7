import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { maximumManifestBytes } from "../../../../../engine/daemon/images/oci/manifest.ts";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, sha256, type TestImage, writeLayout } from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

// This file is also the program that is measured: it brings one image into a store and says what memory it
// had at most.
const { MOCKER_PULL: pulled, MOCKER_LOAD: loaded, MOCKER_INTO: into } = process.env;

async function bring(dir: string): Promise<void> {
  const { store } = await makeStore({ dir });
  if (pulled !== undefined) await store.pull({ reference: pulled });
  if (loaded !== undefined) await store.load({ name: loaded, chunks: process.stdin });
  // Not getrusage(2): that remembers the process that this one was forked from.
  process.stdout.write(`\n${/^VmHWM:.*$/m.exec(readFileSync("/proc/self/status", "utf8"))}\n`);
  process.exit(0);
}

function peakKib(env: NodeJS.ProcessEnv, input?: Buffer): number {
  const said = execFileSync(process.execPath, [__filename], {
    env: { ...process.env, MOCKER_INTO: join(tmpDir(), "images"), NODE_TEST_CONTEXT: "", ...env },
    input,
  }).toString();
  const kib = Number(/^VmHWM:\s+([0-9]+) kB$/m.exec(said)?.[1]);
  assert.ok(kib > 0, said);
  return kib;
}

function zstd(bytes: Buffer): Buffer {
  return execFileSync("zstd", ["-q", "-19", "-c"], { input: bytes, maxBuffer: 1 << 30 });
}

if (into !== undefined) bring(into);
else {
  const noise = randomBytes(1 << 20);
  const tars = Array.from({ length: 10 }, (_, layer) =>
    makeTar([{ name: `f${layer}`, content: Buffer.concat(Array(20).fill(noise)) }]),
  );

  test("ten large layers at once take little memory", async () => {
    // Half of them compressed, with windows as large as `zstd` makes them by itself.
    let count = 0;
    const compress = (tar: Buffer): Buffer => (count++ % 2 === 0 ? tar : zstd(tar));
    const layout = writeLayout(join(tmpDir(), "layout"), {
      x: makeImage(await Promise.all(tars), { compress }),
    });
    const kib = peakKib({ MOCKER_PULL: `oci:${layout}` });
    assert.ok(kib < 150 * 1024, `${kib} KiB`);
  });

  test("an archive of many images with manifests as large as they may be takes little memory", async () => {
    const image = makeImage([await makeTar([{ name: "file", content: "x" }])]);
    const images = Array.from({ length: 40 }, (_, i): [string, TestImage] => {
      const padding = " ".repeat(maximumManifestBytes - image.manifest.length - i);
      const manifest = Buffer.concat([image.manifest, Buffer.from(padding)]);
      return [`app:${i}`, { ...image, manifest, manifestDigest: sha256(manifest) }];
    });
    const layout = writeLayout(join(tmpDir(), "layout"), Object.fromEntries(images));
    const archive = execFileSync("tar", ["-C", layout, "-c", ...readdirSync(layout)], { maxBuffer: 1 << 30 });
    const kib = peakKib({ MOCKER_LOAD: "archive" }, archive);
    assert.ok(kib < 200 * 1024, `${kib} KiB`);
  });

  test("an archive that comes compressed takes little memory", async () => {
    const image = makeImage(await Promise.all(tars), { compress: (tar) => tar });
    const layout = writeLayout(join(tmpDir(), "layout"), { x: image });
    const archive = execFileSync("tar", ["-C", layout, "-c", "."], { maxBuffer: 1 << 30 });
    const kib = peakKib({ MOCKER_LOAD: "archive" }, zstd(archive));
    assert.ok(kib < 150 * 1024, `${kib} KiB`);
  });
}
