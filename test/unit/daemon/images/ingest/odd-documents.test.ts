import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { mediaTypes, parseManifest } from "../../../../../engine/daemon/images/oci/manifest.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { assertClean, makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, oneFileImage, sha256, writeLayout } from "../../../../fixtures/made-image.ts";
import { fails } from "../../../../support/fails-with.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const run = promisify(execFile);
const digest = sha256(Buffer.from(""));

const odd: Record<string, string> = {
  "layers that are a text": `{"config":{"digest":"${digest}","size":1},"layers":"text"}`,
  "layers that are an object": `{"config":{"digest":"${digest}","size":1},"layers":{}}`,
  "a digest of very many brackets": `{"config":{"digest":${"[".repeat(1e6)}${"]".repeat(1e6)},"size":1}}`,
  "a size of very many brackets": `{"config":{"digest":"${digest}","size":${"[".repeat(1e6)}${"]".repeat(1e6)}}}`,
};
for (const [what, text] of Object.entries(odd))
  test(`a manifest with ${what} is refused in a few words`, () => {
    assert.throws(
      () => parseManifest(Buffer.from(text), mediaTypes.ociManifest, "app"),
      (error: unknown) => fails("IMAGE_INVALID", /^app: .{1,300}$/)(error),
    );
  });

test("what an index lists beside the image, and is no manifest, is no obstacle for save, push and --platform", async () => {
  const registry = await FakeRegistry.start();
  const image = await oneFileImage("x");
  const reference = registry.add("app", "x", image);
  const platform = { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch };
  const described = (bytes: Buffer, architecture: string) => ({
    mediaType: mediaTypes.ociManifest,
    digest: sha256(bytes),
    size: bytes.length,
    platform: { ...platform, architecture },
  });
  const config = image.blobs.get(image.configDigest) ?? Buffer.alloc(0);
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      manifests: [described(image.manifest, platform.architecture), described(config, "s390x")],
    }),
  );
  registry.manifests.set("app:x", { bytes: index, type: mediaTypes.ociIndex });
  const { store } = await makeStore();
  await store.pull({ reference });
  let bytes = 0;
  for await (const chunk of store.save([reference])) bytes += chunk.length;
  assert.ok(bytes > 0);
  assert.equal((await store.get(reference, `linux/${platform.architecture}`)).id, image.configDigest);
});

test("an image that says another thing of a layer that another image has does that image no harm", async () => {
  const registry = await FakeRegistry.start();
  const tar = await makeTar([{ name: "file", content: "x" }]);
  const good = makeImage([tar]);
  const { store, dir } = await makeStore();
  await store.pull({ reference: registry.add("good", "x", good) });
  const lie = registry.add("lie", "x", makeImage([tar], { diffIds: [sha256(Buffer.from("another"))] }));
  await assert.rejects(store.pull({ reference: lie }), fails("DIGEST_MISMATCH", /./));
  assertClean(dir);
  assert.deepEqual(
    (await store.check({ deep: true })).problems.filter(({ severity }) => severity === "error"),
    [],
  );
});

test("a configuration of another size than its manifest says is refused", async () => {
  const image = await oneFileImage("x");
  const manifest = Buffer.from(image.manifest.toString().replace(/"size":([0-9]+)/, '"size":9$1'));
  const lying = { ...image, manifest, manifestDigest: sha256(manifest) };
  const reference = `oci:${writeLayout(join(tmpDir(), "layout"), { "app:x": lying })}`;
  const { store, dir } = await makeStore();
  await assert.rejects(
    store.pull({ reference }),
    fails("IMAGE_INVALID", /has [0-9]+ bytes instead of 9[0-9]+/),
  );
  assertClean(dir);
});

for (const what of ["manifest", "configuration", "layer"] as const)
  test(`an OCI layout whose ${what} is a pipe is refused`, async () => {
    const image = await oneFileImage("x");
    const layout = writeLayout(join(tmpDir(), "layout"), { "app:x": image });
    const blob = {
      manifest: image.manifestDigest,
      configuration: image.configDigest,
      layer: image.layers[0],
    }[what];
    const path = join(layout, "blobs", (blob ?? "").replace(":", "/"));
    rmSync(path);
    await run("mkfifo", [path]);
    const { store } = await makeStore();
    await assert.rejects(
      store.pull({ reference: `oci:${layout}` }),
      fails("IMAGE_INVALID", /missing|no file/),
    );
  });

test("an OCI layout whose index.json is a pipe or huge is refused", async () => {
  const layout = writeLayout(join(tmpDir(), "layout"), { "app:x": await oneFileImage("x") });
  const { store } = await makeStore();
  writeFileSync(join(layout, "index.json"), " ".repeat(5 << 20));
  await assert.rejects(store.pull({ reference: `oci:${layout}` }), fails("IMAGE_INVALID", /bytes/));
  rmSync(join(layout, "index.json"));
  await run("mkfifo", [join(layout, "index.json")]);
  await assert.rejects(store.pull({ reference: `oci:${layout}` }), fails("IMAGE_INVALID", /no file/));
});
