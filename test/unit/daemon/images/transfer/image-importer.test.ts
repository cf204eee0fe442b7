import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type { MockerError } from "../../../../../engine/protocol/errors.ts";
import { assertClean, filesIn, makeStore } from "../../../../fixtures/image-store.ts";
import { makeTar, sha256 } from "../../../../fixtures/made-image.ts";
import { fails } from "../../../../support/fails-with.ts";
import { compressedBy, pieces } from "./archive-forms.ts";

test("a tar of a file system becomes an image, compressed or not, with Docker's changes", async () => {
  const tar = await makeTar([
    { name: "bin/", type: "directory", mode: 0o755 },
    { name: "bin/x", content: "x", mode: 0o4755 },
  ]);
  const { store, dir } = await makeStore();
  const forms = { tar, ...(await compressedBy(["gzip", "zstd", "xz", "bzip2"], tar)) };
  for (const [form, bytes] of Object.entries(forms)) {
    const id = await store.import(pieces(bytes, 300), "-", {
      reference: `fs:${form}`,
      message: "by hand",
      changes: ['CMD ["/bin/x"]', "ENV A=1 B='2 3'", "EXPOSE 80 53/udp"],
    });
    const details = await store.get(`fs:${form}`);
    assert.equal(details.id, id);
    assert.deepEqual(details.config.cmd, ["/bin/x"]);
    assert.deepEqual(details.config.env, ["A=1", "B=2 3"]);
    assert.deepEqual(details.config.exposedPorts, ["80/tcp", "53/udp"]);
    assert.deepEqual(
      (await store.history(id)).map(({ comment, sizeBytes }) => [comment, sizeBytes]),
      [["by hand", "x".length]],
    );
    assert.equal(details.layers[0]?.diffId, sha256(tar));
    assert.equal(details.layers[0]?.digest, sha256(form === "xz" || form === "bzip2" ? tar : bytes));
    assert.deepEqual(filesIn(await store.rootDirectory(id)), ["bin/x"]);
  }
  await assert.rejects(
    store.import(pieces(tar, 300), "-", { changes: ["RUN x"] }),
    fails("INVALID_ARGUMENT", /^RUN is not a valid change command$/),
  );
  await assert.rejects(
    store.import(pieces(tar, 300), "-", { reference: "UP" }),
    fails("INVALID_REFERENCE", /must be lowercase/),
  );
  const evil = await makeTar([{ name: "../../evil", content: "x" }]);
  await assert.rejects(store.import(pieces(evil, 300), "-", {}), fails("IMAGE_INVALID", /evil/));
  // Nobody has heard of layers, and the name is not to blame.
  await assert.rejects(
    store.import(pieces(Buffer.alloc(2048, "no tar "), 300), "-", { reference: "fs:none" }),
    (error: unknown) => {
      assert.equal(
        (error as MockerError).hint?.startsWith("Give the tar archive of a root file system"),
        true,
      );
      return fails("IMAGE_INVALID", /^cannot import the archive: the checksum in the tar header is /)(error);
    },
  );
  assert.equal((await store.list()).length, 5);
  assertClean(dir);
  assert.deepEqual((await store.check({ deep: true })).problems, []);
});

test("of two imports of one tar at once, each ends as if it were alone", async () => {
  const tar = await makeTar([{ name: "x", content: randomBytes(8_000_000) }]);
  const { store, dir } = await makeStore();
  for (let ticks = 0; ticks < 30; ticks++) {
    const controller = new AbortController();
    const first = store.import(pieces(tar, 1_000_000), "first", {}, { signal: controller.signal });
    const second = store.import(pieces(tar, 1_000_000), "second", {});
    for (let tick = 0; tick < ticks * 24; tick++) await new Promise(setImmediate);
    controller.abort();
    await Promise.allSettled([first]);
    const id = await second;
    assertClean(dir);
    for (const { id: image } of await store.list()) await store.remove(image, { force: true });
    assert.match(id, /^sha256:/);
  }
});

test("where an image was imported from is in its history, without the password for it", async () => {
  const { store } = await makeStore();
  const tar = await makeTar([{ name: "x", content: "x" }]);
  const id = await store.import(pieces(tar, 300), "https://me:secret@files.test/x.tar", {});
  assert.deepEqual(
    (await store.history(id)).map(({ comment }) => comment),
    ["Imported from https://***@files.test/x.tar"],
  );
});
