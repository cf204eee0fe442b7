import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { mediaTypes } from "../../../../../engine/daemon/images/oci/manifest.ts";
import type { ErrorCode } from "../../../../../engine/protocol/errors.ts";
import type { PullProgress } from "../../../../../engine/protocol/image.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { assertClean, filesIn, makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, sha256, twoLayerImage } from "../../../../fixtures/made-image.ts";
import { fails } from "../../../../support/fails-with.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

process.env.DOCKER_CONFIG = tmpDir();

test("a pull brings the image, and another one nothing", async () => {
  const registry = await FakeRegistry.start();
  const wanted = await twoLayerImage();
  const reference = registry.add("some/app", "1.0", wanted);
  const { store, dir } = await makeStore();
  const progress: PullProgress[] = [];
  const first = await store.pull({ reference }, { onProgress: (line) => progress.push(line) });
  assert.deepEqual(first, {
    id: wanted.configDigest,
    digest: wanted.manifestDigest,
    reference,
    upToDate: false,
  });
  for (const layer of wanted.layers) {
    const told = progress.filter((line) => line.layer === layer.slice(7, 19));
    const statuses = [...new Set(told.map(({ status }) => status))];
    assert.deepEqual(statuses, ["pulling", "downloading", "verifying", "preparing", "complete"]);
    const { currentBytes, totalBytes = 0 } = told.findLast(({ status }) => status === "preparing") ?? {};
    assert.ok(totalBytes > 0 && currentBytes === totalBytes, `${currentBytes} of ${totalBytes} unpacked`);
  }
  const requests = registry.seen.length;
  const second = await store.pull({ reference });
  assert.deepEqual(second, { ...first, upToDate: true });
  assert.equal(registry.seen.length - requests, 1, "asks once more for the manifest");
  await store.pull({ reference: `${registry.host}/some/app@${wanted.manifestDigest}` });
  assert.equal(registry.seen.length - requests, 1, "what has a known digest is not asked for");
  assertClean(dir);
});

test("layers are told in Docker's order: what is there, what is pulled, and what has to wait", async () => {
  const registry = await FakeRegistry.start();
  const tars = await Promise.all([..."abcdef"].map((name) => makeTar([{ name, content: name }])));
  const base = makeImage(tars.slice(0, 1));
  const wanted = makeImage(tars);
  const { store } = await makeStore();
  await store.pull({ reference: registry.add("base", "1", base) });
  const progress: string[] = [];
  await store.pull(
    { reference: registry.add("app", "1", wanted) },
    { onProgress: ({ layer, status }) => layer !== "" && progress.push(`${layer} ${status}`) },
  );
  const [first, ...others] = wanted.layers.map((digest) => digest.slice(7, 19));
  // Three at a time, unless max-concurrent-downloads says otherwise.
  assert.deepEqual(progress.slice(0, 8), [
    `${first} exists`,
    ...others.map((layer) => `${layer} pulling`),
    `${others[3]} waiting`,
    `${others[4]} waiting`,
  ]);
});

test("a download that is cut goes on where it was cut, and finished layers are not fetched again", async () => {
  const registry = await FakeRegistry.start();
  const wanted = await twoLayerImage();
  const reference = registry.add("app", "latest", wanted);
  const [small = "", large = ""] = wanted.layers;
  let cuts = 3;
  registry.behave = (request, response) => {
    if (!request.url?.endsWith(large) || cuts-- <= 0) return false;
    const blob = registry.blobs.get(large) ?? Buffer.alloc(0);
    const from = Number(/=([0-9]+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.statusCode = from > 0 ? 206 : 200;
    if (from > 0) response.setHeader("content-range", `bytes ${from}-${blob.length - 1}/${blob.length}`);
    response.setHeader("content-length", blob.length - from);
    response.write(blob.subarray(from, from + 150_000), () => setTimeout(() => response.destroy(), 50));
    return true;
  };
  const { store, dir } = await makeStore();
  await store.pull({ reference });
  const ranges = registry.fetches(large).map(({ range }) => Number(range?.slice(6, -1) ?? 0));
  assert.equal(ranges.length, 4);
  for (let i = 1; i < 4; i++) assert.ok((ranges[i] ?? 0) > (ranges[i - 1] ?? 0), `ranges ${ranges}`);
  assert.equal(registry.fetches(small).length, 1);
  assertClean(dir);
});

test("a pull that failed leaves its finished layers and the beginnings of others to the next one", async () => {
  const registry = await FakeRegistry.start();
  const wanted = await twoLayerImage();
  const reference = registry.add("app", "latest", wanted);
  const [small = "", large = ""] = wanted.layers;
  registry.behave = (request, response) => {
    if (!request.url?.endsWith(large)) return false;
    const blob = registry.blobs.get(large) ?? Buffer.alloc(0);
    response.setHeader("content-length", blob.length);
    response.write(blob.subarray(0, 200_000));
    return true;
  };
  const { store, dir } = await makeStore();
  const cancel = new AbortController();
  const reached = { small: false, large: false };
  const pull = store.pull(
    { reference },
    {
      signal: cancel.signal,
      onProgress: ({ layer, status, currentBytes = 0 }) => {
        if (layer === small.slice(7, 19) && status === "complete") reached.small = true;
        if (layer === large.slice(7, 19) && currentBytes >= 200_000) reached.large = true;
        if (reached.small && reached.large) cancel.abort();
      },
    },
  );
  await assert.rejects(pull, fails("CANCELLED", /cancelled/));
  assertClean(dir, { partials: true });
  assert.deepEqual(await store.list(), []);
  const { store: next } = await makeStore({ dir });
  registry.behave = () => false;
  registry.seen.length = 0;
  await next.pull({ reference });
  assert.equal(registry.fetches(small).length, 0);
  assert.deepEqual(
    registry.fetches(large).map(({ range }) => range),
    ["bytes=200000-"],
  );
  assertClean(dir);
});

test("a damaged beginning is thrown away, once", async () => {
  const registry = await FakeRegistry.start();
  const wanted = await twoLayerImage();
  const reference = registry.add("app", "latest", wanted);
  const large = wanted.layers[1] ?? "";
  const { store, dir } = await makeStore();
  writeFileSync(join(dir, "ingest", `${large.replace(":", "-")}.partial`), Buffer.alloc(1000));
  await store.pull({ reference });
  assert.deepEqual(
    registry.fetches(large).map(({ range }) => range),
    ["bytes=1000-", undefined],
  );
  assertClean(dir);
});

test("a registry without ranges is read from the start", async () => {
  const registry = await FakeRegistry.start();
  const wanted = await twoLayerImage();
  const reference = registry.add("app", "latest", wanted);
  const large = wanted.layers[1] ?? "";
  registry.behave = (request, response) => {
    delete request.headers.range;
    registry.serve(request, response);
    return true;
  };
  const { store, dir } = await makeStore();
  const blob = wanted.blobs.get(large) ?? Buffer.alloc(0);
  writeFileSync(join(dir, "ingest", `${large.replace(":", "-")}.partial`), blob.subarray(0, 12_345));
  await store.pull({ reference });
  assertClean(dir);
});

const wrongBlobs: [what: string, change: (blob: Buffer) => Buffer, code: ErrorCode, message: RegExp][] = [
  [
    "another blob of the same size",
    (blob) => Buffer.alloc(blob.length, 7),
    "DIGEST_MISMATCH",
    /expected digest/,
  ],
  [
    "one flipped bit",
    (blob) => {
      const copy = Buffer.from(blob);
      copy[copy.length - 9] = (copy[copy.length - 9] ?? 0) ^ 1;
      return copy;
    },
    "DIGEST_MISMATCH",
    /expected digest/,
  ],
  [
    "more bytes than the manifest says",
    (blob) => Buffer.concat([blob, Buffer.alloc(10)]),
    "DIGEST_MISMATCH",
    /bytes/,
  ],
  ["fewer bytes than the manifest says", (blob) => blob.subarray(0, -10), "DIGEST_MISMATCH", /bytes/],
];

for (const [what, change, code, message] of wrongBlobs)
  test(`refused, and nothing kept: ${what}`, async () => {
    const registry = await FakeRegistry.start();
    const wanted = await twoLayerImage();
    const reference = registry.add("app", "latest", wanted);
    const large = wanted.layers[1] ?? "";
    const right = registry.blobs.get(large) ?? Buffer.alloc(0);
    registry.blobs.set(large, change(right));
    const { store, dir } = await makeStore();
    await assert.rejects(store.pull({ reference }), fails(code, message));
    assert.deepEqual(await store.list(), []);
    assertClean(dir);
    registry.blobs.set(large, right);
    await store.pull({ reference });
    assertClean(dir);
  });

test("a chunked answer that is too long is cut off", async () => {
  const registry = await FakeRegistry.start();
  const wanted = await twoLayerImage();
  const reference = registry.add("app", "latest", wanted);
  const large = wanted.layers[1] ?? "";
  registry.behave = (request, response) => {
    if (!request.url?.endsWith(large)) return false;
    response.write(registry.blobs.get(large));
    const more = setInterval(() => response.write(Buffer.alloc(1 << 20)), 1);
    response.on("close", () => clearInterval(more));
    return true;
  };
  const { store, dir } = await makeStore();
  await assert.rejects(store.pull({ reference }), fails("DIGEST_MISMATCH", /larger than the [0-9]+ bytes/));
  assertClean(dir);
});

test("a wrong diff ID, a wrong manifest and a wrong configuration are refused", async () => {
  const registry = await FakeRegistry.start();
  const tar = await makeTar([{ name: "a", content: "a" }]);
  const { store, dir } = await makeStore();
  const lying = makeImage([tar], { diffIds: [sha256(Buffer.from("other"))] });
  await assert.rejects(
    store.pull({ reference: registry.add("diff", "x", lying) }),
    fails("DIGEST_MISMATCH", /uncompressed/),
  );
  const honest = makeImage([tar]);
  const reference = `${registry.host}/manifest@${honest.manifestDigest}`;
  registry.add("manifest", "x", honest);
  registry.manifests.set(`manifest@${honest.manifestDigest}`, { bytes: Buffer.from("{}"), type: undefined });
  await assert.rejects(store.pull({ reference }), fails("DIGEST_MISMATCH", /manifest@sha256/));
  const config = registry.blobs.get(honest.configDigest) ?? Buffer.alloc(0);
  registry.blobs.set(honest.configDigest, Buffer.alloc(config.length, 0x20));
  await assert.rejects(
    store.pull({ reference: `${registry.host}/manifest:x` }),
    fails("DIGEST_MISMATCH", /expected digest/),
  );
  const few = makeImage([tar], { diffIds: [] });
  await assert.rejects(
    store.pull({ reference: registry.add("few", "x", few) }),
    fails("IMAGE_INVALID", /names 0 layers, its manifest 1/),
  );
  assertClean(dir);
  assert.deepEqual(await store.list(), []);
});

test("what is no image is said to be none", async () => {
  const registry = await FakeRegistry.start();
  const { store } = await makeStore();
  const document = (name: string, value: unknown, type?: string): string => {
    registry.manifests.set(`${name}:x`, {
      bytes: Buffer.from(typeof value === "string" ? value : JSON.stringify(value)),
      type,
    });
    return `${registry.host}/${name}:x`;
  };
  const descriptor = { mediaType: "x", digest: sha256(Buffer.from("")), size: 0 };
  const bad: [string, unknown, RegExp][] = [
    ["html", "<html>", /not JSON/],
    ["array", [], /not a JSON object/],
    ["nothing", {}, /neither an image manifest nor an index/],
    ["both", { config: descriptor, layers: [], manifests: [] }, /manifest and an index at the same time/],
    ["schema1", { schemaVersion: 1, fsLayers: [] }, /schema 1/],
    ["size", { config: { ...descriptor, size: -1 }, layers: [] }, /invalid size/],
    ["digest", { config: { ...descriptor, digest: "sha256:../../x" }, layers: [] }, /invalid digest/],
    ["layers", { config: descriptor, layers: Array(1001).fill(descriptor) }, /1001 layers/],
    ["called-index", { mediaType: mediaTypes.ociIndex, config: descriptor, layers: [] }, /is called/],
  ];
  for (const [name, value, message] of bad)
    await assert.rejects(store.pull({ reference: document(name, value) }), fails("IMAGE_INVALID", message));
  const large = document("large", " ".repeat(5 << 20));
  await assert.rejects(store.pull({ reference: large }), fails("IMAGE_INVALID", /larger than/));
});

test("two pulls of one image share the download; one may be cancelled", async () => {
  const registry = await FakeRegistry.start();
  const wanted = await twoLayerImage();
  const reference = registry.add("app", "latest", wanted);
  const large = wanted.layers[1] ?? "";
  const { store, dir } = await makeStore();
  const cancel = new AbortController();
  const waiting = new Set<string>();
  const pull = (who: string, signal?: AbortSignal) =>
    store.pull(
      { reference },
      {
        signal,
        onProgress: ({ layer, status }) => {
          if (status === "downloading" && large.includes(layer)) waiting.add(who);
          if (waiting.size === 2) release();
        },
      },
    );
  let release = (): void => {};
  const both = new Promise<void>((resolve) => {
    release = resolve;
  });
  registry.behave = (request, response) => {
    if (!request.url?.endsWith(large)) return false;
    // Not before both wait for it and the first has given up.
    both.then(() => cancel.abort()).then(() => setTimeout(() => registry.serve(request, response), 100));
    return true;
  };
  const [one, two] = [pull("one", cancel.signal), pull("two")];
  await assert.rejects(one, fails("CANCELLED", /cancelled/));
  await two;
  for (const layer of wanted.layers) assert.equal(registry.fetches(layer).length, 1);
  assertClean(dir);
  assert.equal(statSync(join(dir, "blobs", "sha256")).isDirectory(), true);
  assert.equal(filesIn(join(dir, "records")).length, 1);
});

test("ten pulls of overlapping images at once fetch each blob once", async () => {
  const registry = await FakeRegistry.start();
  const base = await makeTar([{ name: "base", content: randomBytes(300_000) }]);
  const middle = await makeTar([{ name: "middle", content: randomBytes(200_000) }]);
  const references: string[] = [];
  const layers = new Set<string>();
  const configs = new Set<string>();
  for (let number = 0; number < 5; number++) {
    const top = await makeTar([{ name: `top${number}`, content: randomBytes(20_000) }]);
    const wanted = makeImage(number % 2 === 0 ? [base, middle, top] : [base, top]);
    for (const digest of wanted.layers) layers.add(digest);
    configs.add(wanted.configDigest);
    // Each image is in two repositories.
    references.push(
      registry.add(`one/app${number}`, "x", wanted),
      registry.add(`two/app${number}`, "x", wanted),
    );
  }
  registry.behave = (request, response) => {
    // Slowly enough that all ten overlap.
    if (!request.url?.includes("/blobs/")) return false;
    setTimeout(() => registry.serve(request, response), 100);
    return true;
  };
  const { store, dir } = await makeStore();
  const pulls = await Promise.all(references.map((reference) => store.pull({ reference })));
  assert.equal(new Set(pulls.map(({ id }) => id)).size, 5);
  for (const digest of [...layers, ...configs])
    assert.equal(registry.fetches(digest).length, 1, `${digest} is fetched more than once`);
  assertClean(dir);
  assert.deepEqual(
    (await store.list()).flatMap(({ repoTags }) => repoTags).sort(),
    [...references].sort(),
    "each pull leaves its name",
  );
});

test("a configuration that one source damages is fetched from the other one", async () => {
  const bad = await FakeRegistry.start();
  const good = await FakeRegistry.start();
  const wanted = await twoLayerImage();
  bad.add("app", "x", wanted);
  const reference = good.add("app", "x", wanted);
  bad.behave = (request, response) => {
    if (!request.url?.endsWith(wanted.configDigest)) return false;
    setTimeout(() => response.end(Buffer.alloc(wanted.blobs.get(wanted.configDigest)?.length ?? 0)), 300);
    return true;
  };
  const { store } = await makeStore();
  const refused = assert.rejects(
    store.pull({ reference: `${bad.host}/app:x` }),
    fails("DIGEST_MISMATCH", /expected digest/),
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal((await store.pull({ reference })).id, wanted.configDigest);
  await refused;
});

test("a cancelled pull of the built-in image leaves it to the others who want it", async () => {
  const { store } = await makeStore();
  const controller = new AbortController();
  const first = store.pull({ reference: "hello" }, { signal: controller.signal });
  const second = store.pull({ reference: "hello" });
  controller.abort();
  await Promise.allSettled([first]);
  assert.match((await second).id, /^sha256:/);
});
