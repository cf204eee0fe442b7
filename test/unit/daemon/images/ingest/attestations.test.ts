import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import type { ImageStore } from "../../../../../engine/daemon/images/image-store.ts";
import { mediaTypes } from "../../../../../engine/daemon/images/oci/manifest.ts";
import { hostPlatform } from "../../../../../engine/daemon/images/oci/platform.ts";
import type { Digest } from "../../../../../engine/docker/digest.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { assertClean, filesIn, makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, sha256, type TestImage } from "../../../../fixtures/made-image.ts";
import { type Registry, startRegistry } from "../../../../fixtures/registry.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const run = promisify(execFile);

/** What BuildKit attests of an image: a manifest whose layers are statements. */
function attest(statements: string[]): TestImage {
  const blobs = new Map<Digest, Buffer>();
  const put = (text: string) => {
    const bytes = Buffer.from(text);
    blobs.set(sha256(bytes), bytes);
    return { digest: sha256(bytes), size: bytes.length };
  };
  const layers = statements.map((text) => ({ mediaType: "application/vnd.in-toto+json", ...put(text) }));
  const config = {
    mediaType: mediaTypes.ociConfig,
    ...put(`{"rootfs":{"diff_ids":[]},"n":${statements.length}}`),
  };
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers }),
  );
  return {
    blobs,
    manifest,
    manifestDigest: sha256(manifest),
    configDigest: config.digest,
    layers: layers.map(({ digest }) => digest),
  };
}

interface Published {
  reference: string;
  index: Buffer;
  image: TestImage;
  attestation: TestImage;
}

/** An index of an image and what is attested of it, as BuildKit pushes it. */
async function publish(
  registry: FakeRegistry,
  name: string,
  attestation = attest([`{"provenance of":"${name}"}`, `{"sbom":"${"s".repeat(10_000)}"}`]),
  more: object[] = [],
): Promise<Published> {
  const image = makeImage([await makeTar([{ name: "file", content: name }])]);
  const entry = ({ manifest, manifestDigest }: TestImage, rest: object): object => ({
    mediaType: mediaTypes.ociManifest,
    digest: manifestDigest,
    size: manifest.length,
    ...rest,
  });
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [
        entry(image, { platform: { os: "linux", architecture: hostPlatform().architecture } }),
        entry(attestation, {
          platform: { os: "unknown", architecture: "unknown" },
          annotations: {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": image.manifestDigest,
          },
        }),
        ...more,
      ],
    }),
  );
  registry.add(name, "image", image);
  registry.add(name, "attestation", attestation);
  registry.manifests.set(`${name}:1`, { bytes: index, type: mediaTypes.ociIndex });
  registry.manifests.set(`${name}@${sha256(index)}`, { bytes: index, type: mediaTypes.ociIndex });
  return { reference: `${registry.host}/${name}:1`, index, image, attestation };
}

const blobsOf = (dir: string): string[] => filesIn(join(dir, "blobs")).map((name) => name.replace("/", ":"));
const digestsOf = ({ manifestDigest, blobs }: TestImage): Digest[] => [manifestDigest, ...blobs.keys()];

// Here, so that it ends after the last test.
const started = FakeRegistry.start();

describe("attestations", () => {
  let source: FakeRegistry;
  let target: Registry;
  before(async () => {
    source = await started;
    target = await startRegistry({ writable: true });
  });
  after(() => target.stop());

  const push = async (store: ImageStore, from: string, to: string) => {
    const reference = `${target.host}/${to}`;
    await store.tag(from, reference);
    const { tags } = await store.push(
      { reference },
      { signal: new AbortController().signal, onProgress: () => {} },
    );
    return tags[0];
  };

  test("come with the image, and go with it to another registry as they came", async () => {
    const { reference, index, image, attestation } = await publish(source, "attested");
    const { store, dir } = await makeStore();
    await store.pull({ reference });
    assert.deepEqual(
      blobsOf(dir).sort(),
      [...digestsOf(image), ...digestsOf(attestation), sha256(index)].sort(),
    );
    const [listed] = await store.list();
    assert.equal((await store.get(listed?.id ?? "")).layers.length, 1, "they are no layers");
    assert.deepEqual((await store.check({ deep: true })).problems, []);
    assert.deepEqual(await push(store, reference, "attested:2"), {
      tag: "2",
      digest: sha256(index),
      size: index.length,
    });
    const { store: fresh } = await makeStore();
    assert.equal((await fresh.pull({ reference: `${target.host}/attested:2` })).digest, sha256(index));

    // The next engine has them too, and they go with the image.
    const { store: next } = await makeStore({ dir, keepUnfinishedMs: 0 });
    assert.equal((await push(next, reference, "attested:3"))?.digest, sha256(index));
    for (const name of [reference, `${target.host}/attested:2`, `${target.host}/attested:3`])
      await next.remove(name);
    assert.deepEqual(blobsOf(dir), []);
    assertClean(dir);
  });

  test("are in what is saved, and come back from it; other tools read that", async () => {
    const { reference, index, image } = await publish(source, "saved");
    const { store } = await makeStore();
    await store.pull({ reference });
    await store.tag(reference, "saved:1");
    const archive = join(tmpDir(), "saved.tar");
    const chunks: Buffer[] = [];
    for await (const chunk of store.save(["saved:1"])) chunks.push(chunk);
    writeFileSync(archive, Buffer.concat(chunks));
    const { store: other } = await makeStore();
    assert.deepEqual((await other.load({ path: archive })).images, [
      { id: image.configDigest, references: ["saved:1"] },
    ]);
    assert.equal((await push(other, "saved:1", "saved:2"))?.digest, sha256(index));
    for (const transport of ["oci-archive", "docker-archive"]) {
      const { stdout } = await run("skopeo", ["inspect", "--config", "--raw", `${transport}:${archive}`]);
      assert.equal(sha256(Buffer.from(stdout)), image.configDigest, transport);
    }
    const one: Buffer[] = [];
    for await (const chunk of store.save(["saved:1"], hostPlatform().architecture)) one.push(chunk);
    assert.ok(!Buffer.concat(one).includes("in-toto"), "with a platform only its image");
  });

  test("of an image that an older version pulled are brought by the next pull, as are damaged ones", async () => {
    const { reference, index, attestation } = await publish(source, "late");
    const { store, dir } = await makeStore();
    await store.pull({ reference });
    const [statement = ""] = attestation.layers;
    rmSync(join(dir, "blobs", statement.replace(":", "/")));
    const { problems } = await store.check();
    assert.match(
      problems.map(({ subject }) => subject).join(),
      new RegExp(`${statement} \\(of an attestation\\)`),
    );
    assert.equal((await store.pull({ reference })).upToDate, true);
    assert.deepEqual((await store.check({ deep: true })).problems, []);
    assert.equal((await push(store, reference, "late:2"))?.digest, sha256(index));
  });

  const huge = attest(["{}"]);
  const lying = Buffer.from(
    huge.manifest
      .toString()
      .replace(/"size":2,?/g, '"size":1000000000,')
      .replace(/,}/g, "}"),
  );
  const many = attest(Array.from({ length: 100 }, (_, i) => `{"n":${i}}`));
  const cases: Record<
    string,
    { attestation: TestImage; spoil?: (registry: FakeRegistry, name: string) => void }
  > = {
    "too large": { attestation: { ...huge, manifest: lying, manifestDigest: sha256(lying) } },
    "too many": { attestation: many },
    "no manifest": {
      attestation: { ...huge, manifest: Buffer.from("[]"), manifestDigest: sha256(Buffer.from("[]")) },
    },
    missing: {
      attestation: attest(["missing"]),
      spoil: (registry) => registry.blobs.delete(attest(["missing"]).layers[0] ?? ""),
    },
    forged: {
      attestation: attest(["original"]),
      spoil: (registry) => registry.blobs.set(attest(["original"]).layers[0] ?? "", Buffer.from("orIginal")),
    },
  };
  for (const [what, { attestation, spoil }] of Object.entries(cases))
    test(`that are ${what}: the image is pulled, nothing of them is kept that is not sound, and the one manifest is pushed`, async () => {
      const name = `bad-${what.replace(" ", "-")}`;
      const { reference, index, image } = await publish(source, name, attestation);
      spoil?.(source, name);
      const { store, dir } = await makeStore();
      const { id } = await store.pull({ reference });
      assert.equal(id, image.configDigest);
      assertClean(dir);
      assert.deepEqual(await push(store, reference, `${name}:2`), {
        tag: "2",
        digest: image.manifestDigest,
        size: image.manifest.length,
        insteadOfIndex: sha256(index),
      });
      const { store: next } = await makeStore({ dir, keepUnfinishedMs: 0 });
      assert.deepEqual((await next.check({ deep: true })).problems, []);
    });

  test("of other images are not fetched", async () => {
    const foreign = attest(["of another image"]);
    const { reference } = await publish(source, "several", undefined, [
      {
        mediaType: mediaTypes.ociManifest,
        digest: foreign.manifestDigest,
        size: foreign.manifest.length,
        annotations: {
          "vnd.docker.reference.type": "attestation-manifest",
          "vnd.docker.reference.digest": `sha256:${"0".repeat(64)}`,
        },
      },
    ]);
    const { store } = await makeStore();
    await store.pull({ reference });
    assert.ok(!source.seen.some(({ path }) => path.includes(foreign.manifestDigest)));
  });
});
