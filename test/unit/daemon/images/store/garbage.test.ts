import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { ContentStore } from "../../../../../engine/daemon/images/store/content-store.ts";
import { Garbage } from "../../../../../engine/daemon/images/store/garbage.ts";
import { filesIn } from "../../../../fixtures/image-store.ts";
import { sha256 } from "../../../../fixtures/made-image.ts";
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

test("nothing is removed that an image needs, that is pinned, or while it is not known what images need", async () => {
  const store = new ContentStore(tmpDir());
  const [needed, pinned, other] = ["needed", "pinned", "other"].map((text) =>
    store.writeBlob(Buffer.from(text)),
  );
  let complete = false;
  const garbage = new Garbage(store, { needed: () => new Set([needed ?? ""]), isComplete: () => complete });
  const pins: string[] = [];
  garbage.pin(pins, pinned ?? "");
  await garbage.sweep(() => true);
  assert.deepEqual([...store.blobs()].sort(), [needed, pinned, other].sort());
  complete = true;
  const { bytes } = await garbage.sweep(() => true, { measure: true });
  assert.ok(bytes > 0);
  assert.deepEqual([...store.blobs()].sort(), [needed, pinned].sort());
  const isNeeded = garbage.needs();
  assert.deepEqual(
    [needed, pinned, other].map((key) => isNeeded(key ?? "")),
    [true, true, false],
  );
  await garbage.release(pins);
  assert.deepEqual([...store.blobs()], [needed]);
});
