import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { defaultLimits } from "../../engine/daemon/images/layers/layer-converter.ts";
import {
  type Kind,
  kind,
  type LayerEntry,
  LayerIndexWriter,
} from "../../engine/daemon/images/layers/layer-index.ts";
import { LayerMerge } from "../../engine/daemon/images/rootfs/layer-merge.ts";
import type { Inode } from "../../engine/daemon/images/rootfs/tree.ts";
import { MockerError } from "../../engine/protocol/errors.ts";
import { nativeDir, RootMerge } from "../../native/index.ts";
import { makeTar } from "../fixtures/made-image.ts";
import { tmpDir } from "../support/tmp-dir.ts";
import { convert } from "../unit/fuzz/layers.ts";

const dir = tmpDir();

async function manyFiles(count: number): Promise<string> {
  const entries = Array.from({ length: count }, (_, i) => ({
    name: `${i % 100}/${i % 7}/f${i}`,
    content: "x",
  }));
  return convert(await makeTar(entries), 1 << 20, defaultLimits).indexPath;
}

const plain: Omit<LayerEntry, "kind" | "path"> = {
  link: "",
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  mtimeNanoseconds: 0,
  size: 0,
  dataOffset: 0,
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: [],
};

let indexes = 0;

/** An index as no converter might write it. */
function indexOf(
  fill: (add: (kind: Kind, path: string, more?: Partial<LayerEntry>) => void) => void,
): string {
  const writer = new LayerIndexWriter();
  fill((kind, path, more) => writer.add({ ...plain, kind, path, ...more }));
  const path = join(dir, `index-${indexes++}`);
  writeFileSync(path, Buffer.concat(writer.finish({ tarBytes: 0, dataBytes: 0 })));
  return path;
}

/** Merges layers and writes the file system; the names in it, or the code and words of the error. */
async function mergeOf(...indexPaths: string[]): Promise<string[] | string> {
  const merge = new LayerMerge();
  const metadataPath = join(dir, "metadata");
  try {
    await merge.apply(indexPaths.map((indexPath) => ({ indexPath, dataPath: "/dev/null", name: "web" })));
    await merge.write(metadataPath, "0123456789abcdef0123456789abcdef");
    const names: string[] = [];
    const walk = (inode: Inode, path: string): void => {
      for (const [name, child] of inode.children ?? []) {
        names.push(`${path}${name}`);
        walk(child, `${path}${name}/`);
      }
    };
    walk(await merge.tree(), "");
    return names.sort();
  } catch (error) {
    assert.ok(error instanceof MockerError, (error as Error).stack);
    return `${error.code} ${error.message}`;
  } finally {
    merge.close();
    rmSync(metadataPath, { force: true });
  }
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

test("a directory that is marked opaque again and again is looked through once", async () => {
  // Looked through each time, these would take hours.
  const count = 150_000;
  const lower = indexOf((add) => {
    for (let i = 0; i < 10; i++) add(kind.file, `d/old${i}`);
  });
  const upper = indexOf((add) => {
    add(kind.file, "d/sub/new");
    for (let i = 0; i < count; i++) add(kind.file, `d/f${i}`);
    for (let i = 0; i < count; i++) {
      add(kind.opaque, "d");
      add(kind.whiteout, "d");
    }
  });
  const merge = new LayerMerge();
  try {
    await merge.apply([lower, upper].map((indexPath) => ({ indexPath, dataPath: "", name: "web" })));
    const children = (await merge.tree()).children?.get("d")?.children;
    assert.equal(children?.size, count + 1);
    assert.equal(children?.get("old1"), undefined);
  } finally {
    merge.close();
  }
});

test("marks hide what is below, wherever they stand between the layer's own entries", async () => {
  const first = indexOf((add) => {
    for (const name of ["d/a/1", "d/a/2", "d/b/1", "e/1"]) add(kind.file, name);
  });
  const second = indexOf((add) => {
    add(kind.file, "d/a/new");
    add(kind.opaque, "d/a");
    add(kind.file, "d/a/newer");
    add(kind.file, "d/c/new");
    add(kind.opaque, "d");
    add(kind.whiteout, "d");
    add(kind.file, "d/b/newest");
    add(kind.opaque, "d/b");
    add(kind.opaque, "d");
  });
  const own = ["d", "d/a", "d/a/new", "d/a/newer", "d/b", "d/b/newest", "d/c", "d/c/new", "e", "e/1"];
  assert.deepEqual(await mergeOf(first, second), own);
  // What the second layer has marked is looked through again for the third.
  const third = indexOf((add) => {
    add(kind.file, "d/a/third");
    add(kind.opaque, "d/a");
    add(kind.whiteout, "d/b");
    add(kind.file, "d/b/third");
    add(kind.opaque, "e");
  });
  assert.deepEqual(await mergeOf(first, second, third), [
    ...["d", "d/a", "d/a/third", "d/b", "d/b/third", "d/c", "d/c/new", "e"],
  ]);
});

test("an image whose paths lead through folders and links without end is refused", async () => {
  const deep = "a/".repeat(1000);
  const chain = indexOf((add) => {
    for (let i = 0; i < 38; i++) add(kind.symlink, `${deep}l${i}`, { link: `/${deep}l${i + 1}` });
    add(kind.directory, `${deep}l38`);
    add(kind.symlink, "x", { link: `/${deep}l0` });
    // Never the same folder twice in a row.
    for (let i = 0; i < 50_000; i++) add(kind.file, `${i % 2 ? "x" : "y"}/f`);
  });
  assert.equal(
    await mergeOf(chain),
    "IMAGE_INVALID web: its paths and whiteouts take too many steps to follow",
  );
});

test("an image has so many names and no more, however few files they are of", async () => {
  const count = 400_000;
  const links = indexOf((add) => {
    add(kind.opaque, "d");
    add(kind.file, "t");
    for (let i = 0; i < count; i++) add(kind.hardlink, `d/${i}`, { link: "t" });
  });
  const layers = Array.from({ length: Math.ceil(2 ** 23 / count) }, () => links);
  assert.equal(await mergeOf(...layers), "IMAGE_INVALID web: it has more than 8388608 files");
});

test("an index with what no converter writes is damaged", async () => {
  const names = ["d/", "d/.", "..", "d/\0", "n".repeat(256), "\0/f"];
  for (const name of names) {
    const path = indexOf((add) => add(kind.file, name));
    assert.match(String(await mergeOf(path)), /^STATE_CORRUPT .*damaged$/, JSON.stringify(name));
  }
  assert.match(String(await mergeOf(indexOf((add) => add(kind.fifo, "")))), /^STATE_CORRUPT/);
  // A size that wraps around is none that fits.
  const wraps = indexOf((add) => {
    add(kind.file, "f", { size: 2 ** 64 - 2048, dataOffset: 2048 });
    add(kind.hardlink, "g", { link: "f" });
  });
  assert.match(String(await mergeOf(wraps)), /^STATE_CORRUPT .*not within a block$/);
});

test("a mode is no file's kind", async () => {
  const merge = new LayerMerge();
  try {
    const indexPath = indexOf((add) => add(kind.file, "f", { mode: 0o164_755 }));
    await merge.apply([{ indexPath, dataPath: "", name: "web" }]);
    assert.equal((await merge.tree()).children?.get("f")?.mode, 0o4755);
  } finally {
    merge.close();
  }
});
