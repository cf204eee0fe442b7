import assert from "node:assert/strict";
import { test } from "node:test";
import { mediaTypes } from "../../../../../engine/daemon/images/oci/manifest.ts";
import { hostPlatform } from "../../../../../engine/daemon/images/oci/platform.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, sha256 } from "../../../../fixtures/made-image.ts";

const host = hostPlatform().architecture;

test("names that mean an index have its platforms below them, pulled or not", async () => {
  const registry = await FakeRegistry.start();
  const made = await Promise.all(
    [host, "s390x", "ppc64le"].map(async (architecture) => ({
      architecture,
      image: makeImage([await makeTar([{ name: architecture, content: "x" }])], { architecture }),
    })),
  );
  const listed = made.map(({ architecture, image }) => ({
    mediaType: mediaTypes.ociManifest,
    digest: image.manifestDigest,
    size: image.manifest.length,
    platform: { os: "linux", architecture },
  }));
  const attestation = {
    mediaType: mediaTypes.ociManifest,
    digest: `sha256:${"a7".repeat(32)}`,
    size: 100,
    platform: { os: "unknown", architecture: "unknown" },
    annotations: { "vnd.docker.reference.type": "attestation-manifest" },
  };
  const index = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [...listed, attestation] }),
  );
  for (const { architecture, image } of made) registry.add("multi", architecture, image);
  for (const name of ["multi:1", `multi@${sha256(index)}`])
    registry.manifests.set(name, { bytes: index, type: mediaTypes.ociIndex });
  const [own, other, missing] = made;
  assert.ok(own && other && missing);
  const single = `${registry.host}/multi:${host}`;
  const { store } = await makeStore({
    usersOf: (id) => (id === other.image.configDigest ? [{ id: "v", name: "v", running: false }] : []),
  });
  for (const architecture of [host, "s390x"])
    await store.pull({ reference: `${registry.host}/multi:1`, platform: architecture });
  await store.tag(`${registry.host}/multi:1`, "second");
  await store.pull({ reference: single });

  const [tree, ...rest] = (await store.tree()).sort((a, b) => b.platforms.length - a.platforms.length);
  assert.ok(tree);
  assert.deepEqual([tree.id, tree.repoTags], [sha256(index), [`${registry.host}/multi:1`, "second:latest"]]);
  assert.deepEqual(
    tree.platforms.map(({ id, platform, isStored, isUsed }) => ({ id, platform, isStored, isUsed })),
    [
      { id: own.image.manifestDigest, platform: `linux/${host}`, isStored: true, isUsed: false },
      { id: other.image.manifestDigest, platform: "linux/s390x", isStored: true, isUsed: true },
      { id: missing.image.manifestDigest, platform: "linux/ppc64le", isStored: false, isUsed: false },
    ],
  );
  assert.equal(tree.isUsed, true);
  const [ownSizes, otherSizes, missingSizes] = tree.platforms;
  assert.ok(ownSizes && otherSizes && missingSizes);
  assert.equal(tree.contentBytes, ownSizes.contentBytes + otherSizes.contentBytes);
  assert.ok(ownSizes.contentBytes > 0 && ownSizes.diskBytes > ownSizes.contentBytes);
  assert.deepEqual([missingSizes.contentBytes, missingSizes.diskBytes], [0, 0]);
  assert.deepEqual(
    rest.map(({ id, repoTags, platforms }) => [id, repoTags, platforms.length]),
    [[own.image.manifestDigest, [single], 1]],
  );
  const named = await store.tree({ reference: ["second"] });
  assert.deepEqual(
    named.map(({ repoTags, platforms }) => [repoTags, platforms.length]),
    [[["second:latest"], 3]],
  );
});
