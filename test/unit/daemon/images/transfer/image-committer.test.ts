import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { tarEnd } from "../../../../../engine/common/tar/tar-writer.ts";
import { assertClean, filesIn, makeStore, storeWith } from "../../../../fixtures/image-store.ts";
import { type Entry, makeImage, makeTar } from "../../../../fixtures/made-image.ts";
import { fails } from "../../../../support/fails-with.ts";
import { pieces } from "./archive-forms.ts";

const signal = new AbortController().signal;
const params = {
  author: "me",
  comment: "said",
  createdBy: "sh -c change",
  config: { Cmd: ["sh"] },
  changes: [],
};
const base: Entry[] = [
  { name: "etc/", type: "directory", mode: 0o755 },
  { name: "etc/group", content: "old" },
  { name: "kept", content: "kept" },
];

test("an image of another one's layers and one more, with what it removed gone", async () => {
  const healthcheck = { Test: ["CMD", "x"] };
  const image = makeImage([await makeTar(base)], {
    config: { Healthcheck: healthcheck, OnBuild: ["RUN x"] },
  });
  const { store, dir } = await storeWith({ "base:1": image });
  const layer = await makeTar([
    { name: "etc/", type: "directory", mode: 0o755 },
    { name: "etc/.wh.group", content: "" },
    { name: "new", content: "new" },
  ]);
  const from = (await store.get("base:1")).id;
  const id = await store.commit(
    from,
    { ...params, reference: "made:1", changes: ["ENV B=2", 'CMD ["cat"]'] },
    pieces(layer, 300),
    signal,
  );
  const details = await store.get("made:1");
  assert.equal(details.id, id);
  assert.equal(details.author, "me");
  assert.equal(details.comment, "said");
  assert.deepEqual([details.config.cmd, details.config.env], [["cat"], ["B=2"]]);
  const config = JSON.parse(readFileSync(join(dir, "blobs", id.replace(":", "/")), "utf8"));
  assert.deepEqual(config.config, { Healthcheck: healthcheck, Cmd: ["cat"], Env: ["B=2"] });
  assert.deepEqual(details.layers.length, 2);
  assert.deepEqual(
    (await store.history(id)).map(({ createdBy, comment, sizeBytes }) => [createdBy, comment, sizeBytes > 0]),
    [
      ["sh -c change", "said", true],
      ["", "", true],
    ],
  );
  assert.deepEqual(filesIn(await store.rootDirectory(id)), ["kept", "new"]);
  // It needs nothing of its base's record.
  await store.remove("base:1");
  assert.deepEqual((await store.check({ deep: true })).problems, []);
  assertClean(dir);
  const again = await makeStore({ dir });
  assert.equal((await again.store.get("made:1")).id, id);
});

test("no changes are no layer; an image of an image of Docker's is one of OCI's", async () => {
  const image = makeImage([await makeTar(base)], {
    mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  });
  const { store, dir } = await storeWith({ "base:1": image });
  const from = (await store.get("base:1")).id;
  const id = await store.commit(from, params, pieces(tarEnd, 300), signal);
  const { layers } = await store.get(id);
  assert.equal(layers.length, 1);
  const [record = ""] = filesIn(join(dir, "records")).filter((name) => name.includes(id.slice(7)));
  const { manifest } = JSON.parse(readFileSync(join(dir, "records", record), "utf8"));
  const stored = JSON.parse(readFileSync(join(dir, "blobs", manifest.digest.replace(":", "/")), "utf8"));
  assert.equal(stored.layers[0].mediaType, "application/vnd.oci.image.layer.v1.tar+gzip");
  assert.deepEqual(
    (await store.history(id)).map(({ sizeBytes }) => sizeBytes > 0),
    [false, true],
  );
});

test("a commit that fails or is given up leaves nothing", async () => {
  const { store, dir } = await storeWith({ "base:1": makeImage([await makeTar(base)]) });
  const from = (await store.get("base:1")).id;
  const before = filesIn(join(dir, "blobs"));
  const layer = await makeTar([{ name: "new", content: "x".repeat(100_000) }]);
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield layer.subarray(0, 50_000);
    throw new Error("the VM died");
  };
  await assert.rejects(store.commit(from, params, broken(), signal), /the VM died/);
  await assert.rejects(
    store.commit(from, params, pieces(layer.subarray(0, 50_000), 300), signal),
    fails("IMAGE_INVALID", /./),
  );
  await assert.rejects(
    store.commit(from, { ...params, changes: ["RUN x"] }, pieces(layer, 300), signal),
    fails("INVALID_ARGUMENT", /^RUN is not a valid change command$/),
  );
  const controller = new AbortController();
  const endless = async function* (): AsyncGenerator<Buffer> {
    for (;;) {
      yield Buffer.alloc(1000);
      controller.abort();
      await new Promise(setImmediate);
    }
  };
  await assert.rejects(
    store.commit(from, params, endless(), controller.signal),
    fails("CANCELLED", /cancelled/),
  );
  assert.deepEqual(filesIn(join(dir, "blobs")), before);
  assert.equal((await store.list()).length, 1);
  assertClean(dir);
});
