import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ImageStore } from "../../../../../engine/daemon/images/image-store.ts";
import { mediaTypes } from "../../../../../engine/daemon/images/oci/manifest.ts";
import { hostPlatform } from "../../../../../engine/daemon/images/oci/platform.ts";
import type { ImagePushParams, PushProgress } from "../../../../../engine/protocol/registry.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, sha256, type TestImage, writeLayout } from "../../../../fixtures/made-image.ts";
import { type Registry, startRegistry } from "../../../../fixtures/registry.ts";
import { acceptUploads } from "../../../../fixtures/upload-registry.ts";
import { startCuttingProxy } from "../../../../support/cutting-proxy.ts";
import { failsWith } from "../../../../support/fails-with.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const dockerConfig = tmpDir();
process.env.DOCKER_CONFIG = dockerConfig;

/** Layers that are as large as their contents. */
const plain = { compress: (tar: Buffer) => tar, mediaType: mediaTypes.ociLayer };

async function push(
  store: ImageStore,
  params: ImagePushParams,
  onProgress: (line: PushProgress) => void = () => {},
) {
  const progress: PushProgress[] = [];
  const result = await store.push(params, {
    signal: new AbortController().signal,
    onProgress: (line) => {
      progress.push(line);
      onProgress(line);
    },
  });
  const states = (layer: string): string[] =>
    progress.filter((line) => layer.includes(line.layer) && line.layer !== "").map(({ status }) => status);
  return { result, progress, states };
}

interface Fetched {
  text: string;
  digest: string;
  type: string;
  status: number;
}

async function manifestOf(registry: Registry, name: string, reference: string): Promise<Fetched> {
  const types = [
    mediaTypes.ociIndex,
    mediaTypes.ociManifest,
    mediaTypes.dockerList,
    mediaTypes.dockerManifest,
  ];
  const response = await fetch(`http://${registry.host}/v2/${name}/manifests/${reference}`, {
    headers: { accept: types.join(", ") },
  });
  return {
    text: await response.text(),
    digest: response.headers.get("docker-content-digest") ?? "",
    type: response.headers.get("content-type") ?? "",
    status: response.status,
  };
}

/** A store with the images as `REGISTRY/NAME:TAG`; an OCI layout's annotations name them. */
async function storeWith(images: Record<string, TestImage>): Promise<ImageStore> {
  const { store } = await makeStore();
  for (const [reference, image] of Object.entries(images)) {
    const layout = writeLayout(join(tmpDir(), "layout"), { [reference]: image });
    await store.pull({ reference: `oci:${layout}` });
  }
  return store;
}

describe("push", () => {
  let registry: Registry;
  before(async () => {
    registry = await startRegistry({ writable: true });
  });
  after(() => registry.stop());

  test("blobs and the manifest go as they came; what is there is not sent again; others' are mounted", async () => {
    const image = makeImage([
      await makeTar([{ name: "a", content: "a" }]),
      await makeTar([{ name: "b", content: randomBytes(50_000) }]),
    ]);
    const [first = "", second = ""] = image.layers;
    const reference = `${registry.host}/team/app:1.0`;
    const store = await storeWith({ [reference]: image });
    const pushed = await push(store, { reference });
    assert.deepEqual(pushed.result, {
      repository: `${registry.host}/team/app`,
      tags: [{ tag: "1.0", digest: image.manifestDigest, size: image.manifest.length }],
    });
    assert.deepEqual([pushed.states(first)[0], pushed.states(first).at(-1)], ["preparing", "pushed"]);
    const stored = await manifestOf(registry, "team/app", "1.0");
    assert.equal(stored.text, image.manifest.toString());
    assert.equal(stored.type, mediaTypes.ociManifest);
    assert.equal(stored.digest, image.manifestDigest);
    assert.deepEqual((await store.list())[0]?.repoDigests, [
      `${registry.host}/team/app@${image.manifestDigest}`,
    ]);

    const again = await push(store, { reference });
    assert.deepEqual(again.states(second), ["preparing", "exists"]);

    // Another repository of the same registry has the layers already.
    const other = `${registry.host}/team/other:1.0`;
    await store.pull({ reference: `oci:${writeLayout(join(tmpDir(), "layout"), { [other]: image })}` });
    const uploadsBefore = registry.requests.filter(
      ({ method }) => method === "PUT" || method === "PATCH",
    ).length;
    const mounted = await push(store, { reference: other });
    assert.deepEqual(mounted.states(second), ["preparing", "mounted"]);
    assert.equal(mounted.progress.find(({ status }) => status === "mounted")?.message, "team/app");
    const uploads = registry.requests
      .filter(({ method }) => method === "PUT" || method === "PATCH")
      .slice(uploadsBefore);
    assert.ok(
      uploads.every(({ path }) => path.includes("/manifests/")),
      JSON.stringify(uploads),
    );

    // And a fresh store gets the same image back.
    const { store: fresh } = await makeStore();
    assert.equal((await fresh.pull({ reference })).digest, image.manifestDigest);
  });

  test("an index is pushed when all that it lists was pulled; else the one manifest", async () => {
    const source = await FakeRegistry.start();
    const own = makeImage([await makeTar([{ name: "own", content: "own" }])]);
    const foreign = makeImage([await makeTar([{ name: "foreign", content: "foreign" }])], {
      architecture: "s390x",
    });
    source.add("multi", "own", own);
    source.add("multi", "foreign", foreign);
    const entry = (image: TestImage, architecture: string) => ({
      mediaType: mediaTypes.ociManifest,
      digest: image.manifestDigest,
      size: image.manifest.length,
      platform: { os: "linux", architecture },
    });
    const index = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociIndex,
        manifests: [entry(foreign, "s390x"), entry(own, hostPlatform().architecture)],
      }),
    );
    source.manifests.set("multi:1", { bytes: index, type: mediaTypes.ociIndex });
    source.manifests.set(`multi@${sha256(index)}`, { bytes: index, type: mediaTypes.ociIndex });
    // Both names lead to the same registry: what is pulled from the one is pushed to the other.
    const forward = await startCuttingProxy(source.host);
    const reference = `${forward.host}/multi:1`;
    const { store } = await makeStore();
    await store.pull({ reference });
    source.behave = (request, response) => {
      // From here on all that is wanted goes to the real one.
      response.writeHead(307, { location: `http://${registry.host}${request.url}` });
      response.end();
      return true;
    };
    const single = await push(store, { reference });
    assert.equal(single.result.tags[0]?.digest, own.manifestDigest);
    assert.equal(single.result.tags[0]?.insteadOfIndex, sha256(index));
    assert.equal((await manifestOf(registry, "multi", "1")).digest, own.manifestDigest);

    await assert.rejects(
      push(store, { reference, platform: "linux/s390x" }),
      failsWith(
        "NO_MATCHING_PLATFORM",
        /does not provide the specified platform \(linux\/s390x\)/,
        /--platform/,
      ),
    );
    source.behave = () => false;
    await store.pull({ reference, platform: "linux/s390x" });
    source.behave = (request, response) => {
      response.writeHead(307, { location: `http://${registry.host}${request.url}` });
      response.end();
      return true;
    };
    const whole = await push(store, { reference });
    assert.deepEqual(whole.result.tags, [{ tag: "1", digest: sha256(index), size: index.length }]);
    const stored = await manifestOf(registry, "multi", "1");
    assert.equal(stored.text, index.toString());
    assert.equal(stored.type, mediaTypes.ociIndex);
    for (const image of [own, foreign])
      assert.equal(
        (await manifestOf(registry, "multi", image.manifestDigest)).text,
        image.manifest.toString(),
      );

    const one = await push(store, { reference, platform: "linux/s390x" });
    assert.equal(one.result.tags[0]?.digest, foreign.manifestDigest);
    assert.equal((await manifestOf(registry, "multi", "1")).digest, foreign.manifestDigest);
  });

  test("all tags of a repository", async () => {
    const base = await makeTar([{ name: "base", content: "base" }]);
    const images = Object.fromEntries(
      await Promise.all(
        ["a", "b"].map(async (tag) => [
          `${registry.host}/many:${tag}`,
          makeImage([base, await makeTar([{ name: tag, content: tag }])]),
        ]),
      ),
    ) as Record<string, TestImage>;
    const store = await storeWith(images);
    const { result } = await push(store, { reference: `${registry.host}/many`, allTags: true });
    assert.deepEqual(
      result.tags.map(({ tag, digest }) => [tag, digest]),
      ["a", "b"].map((tag) => [tag, images[`${registry.host}/many:${tag}`]?.manifestDigest]),
    );
    const client = await makeStore();
    for (const tag of ["a", "b"]) await client.store.pull({ reference: `${registry.host}/many:${tag}` });
    assert.equal(client.store.count(), 2);
  });

  test("of all tags, one that is removed while another is pushed is pushed all the same", async () => {
    const images = Object.fromEntries(
      await Promise.all(
        ["a", "b"].map(async (tag) => [
          `${registry.host}/going:${tag}`,
          makeImage([await makeTar([{ name: tag, content: tag }])]),
        ]),
      ),
    ) as Record<string, TestImage>;
    const store = await storeWith(images);
    let removal: Promise<unknown> | undefined;
    const { result } = await push(store, { reference: `${registry.host}/going`, allTags: true }, () => {
      removal ??= store.remove(`${registry.host}/going:b`);
    });
    await removal;
    assert.equal(result.tags.length, 2);
    assert.equal(store.count(), 1);
  });

  test("a cut upload to a registry that keeps no part of it begins anew", async () => {
    const proxy = await startCuttingProxy(registry.host);
    const image = makeImage([await makeTar([{ name: "large", content: randomBytes(12 << 20) }])], plain);
    const reference = `${proxy.host}/cut/app:1`;
    const store = await storeWith({ [reference]: image });
    proxy.limitBytes = 5 << 20;
    const { progress } = await push(store, { reference }, (line) => {
      if (line.status === "retrying") proxy.limitBytes = undefined;
    });
    assert.equal(proxy.cuts, 1);
    assert.ok(progress.some(({ status }) => status === "retrying"));
    assert.equal((await manifestOf(registry, "cut/app", "1")).digest, image.manifestDigest);
    const { store: fresh } = await makeStore();
    await fresh.pull({ reference });
  });

  test("a cut upload goes on where it was cut; one that the registry forgot begins anew", async () => {
    const fake = await FakeRegistry.start();
    const uploads = acceptUploads(fake);
    fake.behave = uploads.behave;
    const image = makeImage([await makeTar([{ name: "large", content: randomBytes(12 << 20) }])], plain);
    const size = image.blobs.get(image.layers[0] ?? "")?.length ?? 0;
    const reference = `${fake.host}/app:1`;
    const store = await storeWith({ [reference]: image });
    const cut = 5 << 20;
    uploads.cutAfterBytes = cut;
    const pushed = await push(store, { reference });
    assert.deepEqual(
      uploads.received.filter((line) => line.startsWith("PATCH")),
      [`PATCH 0-${cut} cut`, `PATCH ${cut}-${2 * cut} cut`, `PATCH ${2 * cut}-${size}`],
    );
    assert.equal(pushed.states(image.layers[0] ?? "").at(-1), "pushed");
    assert.deepEqual(fake.blobs.get(image.layers[0] ?? ""), image.blobs.get(image.layers[0] ?? ""));
    assert.equal(fake.manifests.get("app:1")?.bytes.toString(), image.manifest.toString());

    fake.blobs.clear();
    uploads.received.length = 0;
    uploads.cutAfterBytes = undefined;
    uploads.forgetOnce = true;
    await push(store, { reference });
    assert.ok(uploads.received.includes(`PATCH 0-${size}`), uploads.received.join());
    assert.equal(fake.blobs.size, 2);
  });

  test("what is not here, and what nobody listens to", async () => {
    const store = await storeWith({ "127.0.0.1:1/app:1": makeImage([]) });
    await assert.rejects(
      push(store, { reference: "nosuch" }),
      failsWith("IMAGE_NOT_FOUND", /^An image does not exist locally with the tag: nosuch$/, /mocker tag/),
    );
    await assert.rejects(
      push(store, { reference: "127.0.0.1:1/app:2" }),
      failsWith("IMAGE_NOT_FOUND", /^tag does not exist: 127\.0\.0\.1:1\/app:2$/, /Tags of .* here: 1\./),
    );
    await assert.rejects(
      push(store, { reference: `127.0.0.1:1/app@sha256:${"a".repeat(64)}` }),
      failsWith("INVALID_REFERENCE", /cannot push a digest reference/),
    );
    await assert.rejects(
      push(store, { reference: "127.0.0.1:1/app:1" }),
      failsWith("REGISTRY_UNREACHABLE", /dial tcp 127\.0\.0\.1:1: connect: connection refused/),
    );
  });

  test("a registry that wants a password", async () => {
    const guarded = await startRegistry({
      writable: true,
      htpasswd: { user: "me", password: "password123" },
    });
    const reference = `${guarded.host}/app:1`;
    const store = await storeWith({ [reference]: makeImage([await makeTar([{ name: "a", content: "a" }])]) });
    await assert.rejects(
      push(store, { reference }),
      failsWith(
        "UNAUTHORIZED",
        /push access denied for \S+\/app: no basic auth credentials/,
        new RegExp(`mocker login ${guarded.host}`),
      ),
    );
    const auth = Buffer.from("me:password123").toString("base64");
    writeFileSync(join(dockerConfig, "config.json"), JSON.stringify({ auths: { [guarded.host]: { auth } } }));
    await push(store, { reference });
    rmSync(join(dockerConfig, "config.json"));
    await guarded.stop();
  });

  test("a registry that only reads", async () => {
    const readOnly = await startRegistry({ images: ["busybox"] });
    const other = `${readOnly.host}/app:1`;
    const second = await storeWith({ [other]: makeImage([await makeTar([{ name: "b", content: "b" }])]) });
    await assert.rejects(
      push(second, { reference: other }),
      failsWith("REGISTRY_ERROR", /answered with status 405 for \S+\/app:1/),
    );
    await readOnly.stop();
  });
});
