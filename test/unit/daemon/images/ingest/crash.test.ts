import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Digest } from "../../../../../engine/docker/digest.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { assertClean, filesIn, makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, sha256 } from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const instants = 30;

// This file is also the program that is killed: it pulls one image into a store and ends.
const { MOCKER_PULL: pulled, MOCKER_PULL_INTO: into } = process.env;
if (pulled !== undefined && into !== undefined) {
  makeStore({ dir: into })
    .then(({ store }) => store.pull({ reference: pulled }))
    .then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${(error as Error).stack}\n`);
        process.exit(1);
      },
    );
} else {
  test(
    "kill -9 at 30 instants of a pull: the next one goes on, fetches nothing twice, and the store is whole",
    killing,
  );
}

/**
 * Pulls in a process of its own; kills it after a while if told so. Returns its exit code, null if it was
 * killed.
 */
async function pull(reference: string, dir: string, killAfterMs?: number): Promise<number | null> {
  const child = spawn(process.execPath, [__filename], {
    env: { ...process.env, MOCKER_PULL: reference, MOCKER_PULL_INTO: dir, NODE_TEST_CONTEXT: "" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  if (killAfterMs !== undefined) {
    await Promise.race([sleep(killAfterMs), ended]);
    child.kill("SIGKILL");
  }
  return await ended;
}

async function killing(): Promise<void> {
  const registry = await FakeRegistry.start();
  const tars = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((layer) =>
      makeTar(
        Array.from({ length: 40 }, (_, i) => ({
          name: `d${layer}/f${i}`,
          content: Buffer.alloc(20_000, `${layer * i}-`),
        })),
      ),
    ),
  );
  const image = makeImage(tars, { compress: (tar) => gzipSync(tar, { level: 0 }) });
  const reference = registry.add("app", "x", image);
  registry.behave = (request, response) => {
    const blob = registry.blobs.get(/\/blobs\/(.+)$/.exec(request.url ?? "")?.[1] ?? "");
    if (!blob || blob.length < 100_000) return false;
    // Slowly, so that there is a middle.
    const from = Number(/=([0-9]+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.statusCode = from > 0 ? 206 : 200;
    if (from > 0) response.setHeader("content-range", `bytes ${from}-${blob.length - 1}/${blob.length}`);
    response.setHeader("content-length", blob.length - from);
    let at = from;
    const timer = setInterval(() => {
      response.write(blob.subarray(at, at + 50_000));
      at += 50_000;
      if (at < blob.length) return;
      clearInterval(timer);
      response.end();
    }, 5);
    response.on("close", () => clearInterval(timer));
    return true;
  };
  const clean = await makeStore();
  await clean.store.pull({ reference });
  // One run to its end tells how long there is to kill it.
  let begun = performance.now();
  assert.equal(await pull(reference, join(tmpDir(), "images")), 0);
  let wholeMs = performance.now() - begun;

  let state = 7;
  let killed = 0;
  let inTheMiddle = 0;
  for (let round = 0; round < instants; round++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const dir = join(tmpDir(), "images");
    const stored = (digest: Digest): boolean => existsSync(join(dir, "blobs", digest.replace(":", "/")));
    // What is there in full is not fetched at all.
    const partial = (digest: Digest): boolean => {
      const path = join(dir, "ingest", `${digest.replace(":", "-")}.partial`);
      const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      return bytes > 0 && bytes < (image.blobs.get(digest)?.length ?? 0);
    };
    begun = performance.now();
    if ((await pull(reference, dir, ((state >>> 16) / 65536) * wholeMs)) === null) killed++;
    // What else the machine does changes the pace.
    else wholeMs = Math.min(wholeMs, performance.now() - begun);
    const finished = image.layers.filter(stored);
    const begunOnes = image.layers.filter(partial);
    if (finished.length > 0 && finished.length < image.layers.length) inTheMiddle++;
    // Whatever has a blob's name is that blob.
    for (const digest of finished) assertBlob(dir, digest);
    registry.seen.length = 0;
    const { store } = await makeStore({ dir });
    await store.pull({ reference });
    for (const digest of finished)
      assert.equal(registry.fetches(digest).length, 0, `round ${round}: a finished layer is fetched again`);
    for (const digest of begunOnes)
      assert.match(
        `${registry.fetches(digest)[0]?.range}`,
        /^bytes=[0-9]+-$/,
        `round ${round}: from the start`,
      );
    assertClean(dir);
    assert.deepEqual(names(dir), names(clean.dir), `round ${round}`);
    if (round % 10 > 0) continue;
    assert.equal(filesIn(await store.rootDirectory(reference)).length, 6 * 40);
  }
  assert.ok(killed > instants / 2, `only ${killed} were killed in time`);
  assert.ok(inTheMiddle > 0, "none was killed between two layers");
}

/** Files of a store, but for what it keeps for speed. */
function names(directory: string): string[] {
  return filesIn(directory).filter((name) => !/^rootfs|\.synced$/.test(name));
}

function assertBlob(dir: string, digest: Digest): void {
  assert.equal(sha256(readFileSync(join(dir, "blobs", digest.replace(":", "/")))), digest);
}
