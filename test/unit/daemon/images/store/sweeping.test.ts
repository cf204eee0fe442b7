import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { deepLayerFault } from "../../../../../engine/daemon/images/layers/layer-check.ts";
import { LayerConversionQueue } from "../../../../../engine/daemon/images/layers/layer-conversion-queue.ts";
import { runStoreJob } from "../../../../../engine/daemon/images/rootfs/store-thread.ts";
import { ContentStore } from "../../../../../engine/daemon/images/store/content-store.ts";
import { DeferredSync } from "../../../../../engine/daemon/images/store/deferred-sync.ts";
import { Garbage } from "../../../../../engine/daemon/images/store/garbage.ts";
import {
  assertClean,
  FakeRegistry,
  filesIn,
  hexOf,
  makeImage,
  makeStore,
  makeTar,
  sha256,
} from "../../../../fixtures/image-store.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

test("a download that begins while beginnings of downloads are swept keeps what it writes", async () => {
  const store = new ContentStore(tmpDir());
  const garbage = new Garbage(store, { needed: () => new Set(), isComplete: () => true });
  const paths = ["a", "b", "c"].map((text) => store.partialPath(sha256(Buffer.from(text))));
  for (const path of paths) writeFileSync(path, "old");
  const swept = garbage.sweepPartials();
  for (const path of paths) appendFileSync(path, "new");
  assert.ok((await swept) > 0);
  assert.deepEqual(
    paths.map((path) => readFileSync(path, "utf8")),
    ["new", "new", "new"],
  );
  assert.equal(filesIn(store.ingestDir).length, 3);
});

test("a sweep that is killed leaves no mark of a flush without what was flushed", () => {
  const store = new ContentStore(tmpDir());
  const stem = "a".repeat(64);
  const directories = {
    layersDir: ["data", "index", "synced"],
    rootsDir: ["erofs", "json", "synced", "vmdk"],
    rootfsDir: ["synced"],
  } as const;
  for (const [directory, suffixes] of Object.entries(directories))
    for (const suffix of suffixes)
      writeFileSync(join(store[directory as keyof typeof directories], `${stem}.${suffix}`), "");
  mkdirSync(join(store.rootfsDir, stem));
  const garbage = new Garbage(store, { needed: () => new Set(), isComplete: () => true });
  const items = [...garbage.items()];
  const order = (wanted: string): string[] =>
    items.filter(({ kind }) => kind === wanted).map(({ path }) => basename(path).slice(stem.length));
  assert.deepEqual(order("layer"), [".synced", ".index", ".data"]);
  assert.deepEqual(order("root"), [".synced", ".vmdk", ".json", ".erofs"]);
  assert.deepEqual(order("directory"), [".synced", ""]);
});

test("what is made anew during a flush is not said to be flushed", async () => {
  const store = new ContentStore(tmpDir());
  const file = (name: string): string => join(store.layersDir, name);
  const make = (stem: string): void => {
    for (const suffix of ["data", "index"]) writeFileSync(file(`${stem}.${suffix}`), stem);
  };
  const directory = tmpDir();
  const [begun, go] = [join(directory, "begun"), join(directory, "go")];
  writeFileSync(
    join(directory, "sync"),
    `#!/bin/sh\ntouch ${begun}\nwhile [ ! -e ${go} ]; do sleep 0.01; done\n`,
  );
  chmodSync(join(directory, "sync"), 0o755);
  const { PATH } = process.env;
  process.env.PATH = `${directory}:${PATH}`;
  try {
    make("aa");
    make("bb");
    new DeferredSync(store, 0).schedule();
    while (!existsSync(begun)) await sleep(5);
    for (const suffix of ["index", "data"]) rmSync(file(`aa.${suffix}`));
    make("aa");
    writeFileSync(go, "");
    while (!existsSync(file("bb.synced"))) await sleep(5);
    assert.ok(!existsSync(file("aa.synced")));
  } finally {
    process.env.PATH = PATH;
  }
});

test("what a repair throws away is gone at once, the mark of its flush first", async () => {
  const registry = await FakeRegistry.start();
  const tar = await makeTar([{ name: "large", content: Buffer.alloc(3 << 20, "x") }]);
  const reference = registry.add("app", "x", makeImage([tar]));
  const { store, dir } = await makeStore();
  await store.pull({ reference });
  const hex = hexOf(sha256(tar));
  const parts = { layers: ["index", "data"], roots: ["vmdk", "json", "erofs"] };
  const there = (): string[] =>
    Object.entries(parts).flatMap(([directory, suffixes]) =>
      [...suffixes, "synced"].filter((suffix) => existsSync(join(dir, directory, `${hex}.${suffix}`))),
    );
  for (const directory of Object.keys(parts)) writeFileSync(join(dir, directory, `${hex}.synced`), "");
  const whole = there();
  assert.equal(whole.length, 7);
  appendFileSync(join(dir, "layers", `${hex}.data`), "too much");
  const seen = new Set<string>();
  let over = false;
  const check = store.check({ repair: true }).finally(() => {
    over = true;
  });
  while (!over) {
    seen.add(there().join(" "));
    await new Promise(setImmediate);
  }
  await check;
  assert.deepEqual([...seen], [whole.join(" "), ""]);
});

test("an unpacked root that is thrown away takes the mark of its flush along", async () => {
  const registry = await FakeRegistry.start();
  const tar = await makeTar([{ name: "file", content: "x" }]);
  const { store, dir } = await makeStore();
  const reference = registry.add("app", "x", makeImage([tar]));
  await store.pull({ reference });
  const directory = await store.rootDirectory(reference);
  writeFileSync(`${directory}.synced`, "");
  writeFileSync(join(directory, "file"), "other");
  await store.check({ deep: true, repair: true });
  assert.deepEqual(readdirSync(join(dir, "rootfs")), []);
});

test("a job that is given up ends with the reason for that", async () => {
  const controller = new AbortController();
  const directory = join(tmpDir(), "root");
  mkdirSync(directory);
  const job = runStoreJob({ op: "compare", directory, privileged: false, layers: [] }, controller.signal);
  const reason = new Error("given up");
  controller.abort(reason);
  await assert.rejects(job, reason);
});

test("a deep check that is given up leaves no file of the layer that it was making again", async () => {
  const registry = await FakeRegistry.start();
  const tar = await makeTar([{ name: "large", content: randomBytes(8 << 20) }]);
  const image = makeImage([tar]);
  const { store, dir } = await makeStore();
  await store.pull({ reference: registry.add("app", "x", image) });
  store.close();
  const [digest = ""] = image.layers;
  const layer = { digest, diffId: sha256(tar), sizeBytes: image.blobs.get(digest)?.length ?? 0, tarBytes: 0 };
  const pool = new LayerConversionQueue();
  for (let ticks = 0; ticks < 40; ticks++) {
    const controller = new AbortController();
    const check = deepLayerFault(new ContentStore(dir), pool, layer, "x", controller.signal);
    for (let tick = 0; tick < ticks; tick++) await new Promise(setImmediate);
    controller.abort(new Error("given up"));
    await Promise.allSettled([check]);
    await sleep(20);
    assertClean(dir);
  }
});

test("whoever gives up the built-in image leaves it to the others who want it", async () => {
  const { store } = await makeStore();
  const controller = new AbortController();
  const first = store.pull({ reference: "hello" }, { signal: controller.signal });
  const second = store.pull({ reference: "hello" });
  controller.abort();
  await Promise.allSettled([first]);
  assert.match((await second).id, /^sha256:/);
});
