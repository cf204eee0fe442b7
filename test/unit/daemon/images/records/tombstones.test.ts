import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type ImageRecord, recordText } from "../../../../../engine/daemon/images/records/image-records.ts";
import { isTombstone, Tombstones } from "../../../../../engine/daemon/images/records/tombstones.ts";
import { ContentStore } from "../../../../../engine/daemon/images/store/content-store.ts";
import { Garbage } from "../../../../../engine/daemon/images/store/garbage.ts";
import { filesIn } from "../../../../fixtures/image-store.ts";
import { hexOf } from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

/** A store with the blobs of an image, and what its record says. */
function storeWithImage(): { store: ContentStore; record: ImageRecord } {
  const store = new ContentStore(tmpDir());
  const [id = "", digest = ""] = ["configuration", "manifest"].map((text) =>
    store.writeBlob(Buffer.from(text)),
  );
  return {
    store,
    record: {
      version: 2,
      id,
      manifest: { digest, mediaType: "", size: 8 },
      tags: {},
      repoDigests: [],
      layers: [],
      created: "",
      author: "",
      architecture: "",
      os: "",
      variant: "",
      config: {
        env: [],
        entrypoint: [],
        cmd: [],
        workingDir: "",
        user: "",
        stopSignal: "",
        exposedPorts: [],
        volumes: [],
        labels: {},
      },
    },
  };
}

test("the next engine ends a removal by the tombstone that an earlier version left, of records with and without checksum", async () => {
  for (const version of [1, 2] as const) {
    const { store, record } = storeWithImage();
    const kept = store.writeBlob(Buffer.from("another image's"));
    const text = version === 1 ? JSON.stringify({ ...record, version }) : recordText(record);
    const name = `${hexOf(record.id)}.removed-record`;
    writeFileSync(join(store.ingestDir, name), text);
    assert.ok(isTombstone(name));
    const garbage = new Garbage(store, { needed: () => new Set([kept]), isComplete: () => true });
    const tombstones = new Tombstones(store, garbage);
    assert.deepEqual(tombstones.manifests(), [record.manifest.digest]);
    await tombstones.recover();
    assert.deepEqual([...store.blobs()], [kept]);
    assert.deepEqual(filesIn(store.ingestDir), []);
  }
});

test("a tombstone that cannot be read is removed, and nothing else", async () => {
  const { store, record } = storeWithImage();
  const garbage = new Garbage(store, { needed: () => new Set(), isComplete: () => true });
  const tombstones = new Tombstones(store, garbage);
  writeFileSync(tombstones.path(record.id), "{");
  assert.deepEqual(tombstones.manifests(), []);
  await tombstones.recover();
  assert.ok(!existsSync(tombstones.path(record.id)));
  assert.equal([...store.blobs()].length, 2);
});
