import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { mediaTypes } from "../../../../../engine/daemon/images/oci/manifest.ts";
import { hostPlatform } from "../../../../../engine/daemon/images/oci/platform.ts";
import { MockerError } from "../../../../../engine/protocol/errors.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, sha256, writeLayout } from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const host = hostPlatform().architecture;

const lacks = (reference: string, platform: string) => (error: unknown) => {
  assert.ok(error instanceof MockerError, String(error));
  assert.equal(error.code, "NO_MATCHING_PLATFORM");
  assert.equal(
    error.message,
    `image with reference ${reference} was found but does not provide the specified platform (${platform})`,
  );
  assert.match(error.hint ?? "", /^It is here for linux\/\w+/);
  return true;
};

test("an image of one platform is found for that one alone", async () => {
  const { store } = await makeStore();
  const image = makeImage([await makeTar([{ name: "a", content: "a" }])]);
  await store.pull({ reference: `oci:${writeLayout(join(tmpDir(), "layout"), { "app:1": image })}` });
  for (const platform of [`linux/${host}`, host, "linux"]) {
    assert.equal((await store.get("app:1", platform)).id, image.configDigest);
    await store.history("app:1", platform);
    await store.save(["app:1"], platform).return(undefined);
  }
  const wanted = lacks("app:1", "linux/s390x");
  await assert.rejects(store.get("app:1", "linux/s390x"), wanted);
  await assert.rejects(store.history("app:1", "linux/s390x"), wanted);
  await assert.rejects(store.remove("app:1", { platform: "linux/s390x", force: true }), wanted);
  assert.throws(() => store.save(["app:1"], "linux/s390x"), wanted);
  assert.throws(() => store.save(["app"], "linux/s390x"), wanted, "a name of all tags, too");
  await assert.rejects(store.get("app:1", "no/such/thing/here"), /invalid platform/);
  assert.deepEqual((await store.remove("app:1", { platform: host })).deleted[0], image.configDigest);
});

test("of an index that was pulled for two platforms each is found by the one name", async () => {
  const registry = await FakeRegistry.start();
  const images = [host, "s390x"].map((architecture) => ({ architecture, name: architecture }));
  const made = await Promise.all(
    images.map(async ({ architecture }) => ({
      architecture,
      image: makeImage([await makeTar([{ name: architecture, content: "x" }])], { architecture }),
    })),
  );
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: made.map(({ architecture, image }) => ({
        mediaType: mediaTypes.ociManifest,
        digest: image.manifestDigest,
        size: image.manifest.length,
        platform: { os: "linux", architecture },
      })),
    }),
  );
  for (const { architecture, image } of made) registry.add("multi", architecture, image);
  registry.manifests.set("multi:1", { bytes: index, type: mediaTypes.ociIndex });
  registry.manifests.set(`multi@${sha256(index)}`, { bytes: index, type: mediaTypes.ociIndex });
  const { store } = await makeStore();
  const reference = `${registry.host}/multi:1`;
  for (const { architecture } of made) await store.pull({ reference, platform: architecture });
  for (const { architecture, image } of made) {
    assert.equal((await store.get(reference, architecture)).id, image.configDigest);
    assert.equal((await store.history(reference, architecture)).length, 0);
    const chunks: Buffer[] = [];
    for await (const chunk of store.save([reference], architecture)) chunks.push(chunk);
    const saved = Buffer.concat(chunks);
    assert.ok(saved.includes(image.configDigest.slice(7)));
    const others = made.filter((other) => other.image !== image);
    for (const other of others) assert.ok(!saved.includes(other.image.configDigest.slice(7)));
  }
  await assert.rejects(store.get(reference, "ppc64le"), lacks(reference, "linux/ppc64le"));
  // The name stays with the other one.
  const [own, foreign] = made;
  assert.deepEqual((await store.remove(reference, { platform: host })).deleted[0], own?.image.configDigest);
  assert.equal((await store.get(reference)).id, foreign?.image.configDigest);
  await assert.rejects(store.get(reference, host), lacks(reference, `linux/${host}`));
});
