import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseChallenges } from "../../../engine/images/auth.ts";
import { findCredential } from "../../../engine/images/docker-config.ts";
import { retryAfterMs } from "../../../engine/images/http.ts";
import { mediaTypes } from "../../../engine/images/manifest.ts";
import { hostPlatform } from "../../../engine/images/platform.ts";
import type { ErrorCode } from "../../../engine/protocol/errors.ts";
import type { PullProgress } from "../../../engine/protocol/image.ts";
import { startRegistry } from "../../fixtures/registry.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import {
  assertClean,
  FakeRegistry,
  filesIn,
  makeImage,
  makeStore,
  makeTar,
  sha256,
  type TestImage,
} from "./support.ts";

const emptyConfig = tmpDir();
process.env.DOCKER_CONFIG = emptyConfig;

/** Two layers; the second does not compress and is large enough to be cut in the middle. */
async function image(): Promise<TestImage> {
  return makeImage([
    await makeTar([{ name: "small", content: "small" }]),
    await makeTar([{ name: "large", content: randomBytes(600_000) }]),
  ]);
}

function fails(code: ErrorCode, message: RegExp): (error: unknown) => true {
  return (error) => {
    const { code: actual, message: text, hint } = error as { code?: string; message: string; hint?: string };
    assert.equal(actual, code, text);
    assert.match(text, message);
    assert.doesNotMatch(`${text} ${hint}`, /secret|password123/);
    return true;
  };
}

test("a pull brings the image, and another one nothing", async () => {
  const registry = await FakeRegistry.start();
  const wanted = await image();
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
    const statuses = progress.filter((line) => line.layer === layer.slice(7, 19)).map(({ status }) => status);
    assert.equal(statuses[0], "waiting");
    assert.equal(statuses.at(-1), "complete");
    assert.ok(statuses.includes("downloading"));
  }
  const requests = registry.seen.length;
  const second = await store.pull({ reference });
  assert.deepEqual(second, { ...first, upToDate: true });
  assert.equal(registry.seen.length - requests, 1, "asks once more for the manifest");
  await store.pull({ reference: `${registry.host}/some/app@${wanted.manifestDigest}` });
  assert.equal(registry.seen.length - requests, 1, "what has a known digest is not asked for");
  assertClean(dir);
});

test("a download that is cut goes on where it was cut, and finished layers are not fetched again", async () => {
  const registry = await FakeRegistry.start();
  const wanted = await image();
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
  const wanted = await image();
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
  const wanted = await image();
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
  const wanted = await image();
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
    const wanted = await image();
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
  const wanted = await image();
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

test("the platform is chosen from an index; attestations are none; nesting has an end", async () => {
  const registry = await FakeRegistry.start();
  const { store } = await makeStore();
  const host = hostPlatform();
  const own = makeImage([await makeTar([{ name: "own", content: "" }])]);
  const other = makeImage([await makeTar([{ name: "other", content: "" }])], { architecture: "s390x" });
  registry.add("multi", "own", own);
  registry.add("multi", "other", other);
  const entry = (image: TestImage, platform: object, more: object = {}) => ({
    mediaType: mediaTypes.ociManifest,
    digest: image.manifestDigest,
    size: image.manifest.length,
    platform,
    ...more,
  });
  const publish = (tag: string, manifests: unknown[]): Buffer => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
    registry.manifests.set(`multi:${tag}`, { bytes, type: mediaTypes.ociIndex });
    registry.manifests.set(`multi@${sha256(bytes)}`, { bytes, type: mediaTypes.ociIndex });
    return bytes;
  };
  const ownPlatform = { os: "linux", architecture: host.architecture };
  const index = publish("both", [
    entry(
      other,
      { os: "unknown", architecture: "unknown" },
      { annotations: { "vnd.docker.reference.type": "attestation-manifest" } },
    ),
    entry(other, { os: "linux", architecture: "s390x" }),
    entry(own, ownPlatform),
  ]);
  const reference = `${registry.host}/multi:both`;
  const pulled = await store.pull({ reference });
  assert.equal(pulled.id, own.configDigest);
  assert.equal(pulled.digest, sha256(index), "the digest is the index's, as for Docker");
  assert.equal((await store.pull({ reference })).upToDate, true);
  assert.equal((await store.pull({ reference, platform: "linux/s390x" })).id, other.configDigest);
  await assert.rejects(
    store.pull({ reference, platform: "linux/mips64" }),
    fails("NO_MATCHING_PLATFORM", /no matching manifest for linux\/mips64 in the manifest list entries/),
  );
  await assert.rejects(
    store.pull({ reference: `${registry.host}/multi:own`, platform: "linux/s390x" }),
    fails("NO_MATCHING_PLATFORM", /does not match the specified platform/),
  );
  await assert.rejects(
    store.pull({ reference, platform: "a/b/c/d" }),
    fails("INVALID_ARGUMENT", /invalid platform/),
  );

  let inner = index;
  for (let depth = 0; depth < 5; depth++)
    inner = publish("deep", [
      { mediaType: mediaTypes.ociIndex, digest: sha256(inner), size: inner.length, platform: ownPlatform },
    ]);
  await assert.rejects(
    store.pull({ reference: `${registry.host}/multi:deep` }),
    fails("IMAGE_INVALID", /nested/),
  );
  const windows = makeImage([], { os: "windows" });
  await assert.rejects(
    store.pull({ reference: registry.add("win", "x", windows) }),
    fails("NO_MATCHING_PLATFORM", /"windows"/),
  );
});

test("an overloaded registry is asked again when it says so", async () => {
  const registry = await FakeRegistry.start();
  const wanted = await image();
  const reference = registry.add("app", "latest", wanted);
  const answers = [429, 503, 500];
  const times: number[] = [];
  registry.behave = (request, response) => {
    if (!request.url?.includes("/manifests/")) return false;
    times.push(Date.now());
    const status = answers.shift();
    if (status === undefined) return false;
    response.statusCode = status;
    if (status === 429) response.setHeader("retry-after", "1");
    response.end("busy");
    return true;
  };
  const { store } = await makeStore();
  const progress: PullProgress[] = [];
  await store.pull({ reference }, { onProgress: (line) => progress.push(line) });
  assert.equal(times.length, 4);
  assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 1000, "Retry-After is kept");
  assert.match(progress.find(({ status }) => status === "retrying")?.message ?? "", /too many requests/);
});

test("Retry-After takes seconds and dates, at most a minute", () => {
  const now = Date.UTC(2024, 0, 1);
  assert.equal(retryAfterMs("7", now), 7000);
  assert.equal(retryAfterMs("86400", now), 60_000);
  assert.equal(retryAfterMs("Mon, 01 Jan 2024 00:00:30 GMT", now), 30_000);
  assert.equal(retryAfterMs("Mon, 01 Jan 2023 00:00:30 GMT", now), 0);
  assert.equal(retryAfterMs("soon", now), undefined);
  assert.equal(retryAfterMs(undefined, now), undefined);
});

test("a redirect is followed without credentials when it leads to another host", async () => {
  const registry = await FakeRegistry.start();
  const storage = await FakeRegistry.start();
  const wanted = await image();
  const reference = registry.add("app", "latest", wanted);
  for (const [digest, bytes] of wanted.blobs) storage.blobs.set(digest, bytes);
  writeFileSync(
    join(emptyConfig, "config.json"),
    JSON.stringify({
      auths: { [registry.host]: { auth: Buffer.from("me:password123").toString("base64") } },
    }),
  );
  after(() => rmSync(join(emptyConfig, "config.json"), { force: true }));
  registry.behave = (request, response) => {
    if (request.headers.authorization !== `Basic ${Buffer.from("me:password123").toString("base64")}`) {
      response.statusCode = 401;
      response.setHeader("www-authenticate", 'Basic realm="here"');
      response.end();
      return true;
    }
    if (!request.url?.includes("/blobs/")) return false;
    response.statusCode = 307;
    response.setHeader(
      "location",
      `http://${storage.host}${request.url}?signature=x`.replace("?signature=x", ""),
    );
    response.end();
    return true;
  };
  const { store } = await makeStore();
  await store.pull({ reference });
  assert.ok(storage.seen.length >= 3);
  assert.ok(storage.seen.every(({ authorization }) => authorization === undefined));

  registry.behave = (request, response) => {
    response.statusCode = 302;
    response.setHeader("location", request.url ?? "");
    response.end();
    return true;
  };
  await assert.rejects(
    store.pull({ reference: `${registry.host}/circle` }),
    fails("REGISTRY_ERROR", /stopped after 5 redirects/),
  );
  registry.behave = (_request, response) => {
    response.statusCode = 302;
    response.setHeader("location", "ftp://example.com/x");
    response.end();
    return true;
  };
  await assert.rejects(
    store.pull({ reference: `${registry.host}/ftp` }),
    fails("REGISTRY_ERROR", /not protected by https/),
  );
  rmSync(join(emptyConfig, "config.json"));
});

test("bearer tokens are fetched for the scope and fetched anew when they expire", async () => {
  const registry = await FakeRegistry.start();
  const wanted = await image();
  const reference = registry.add("team/app", "latest", wanted);
  const asked: string[] = [];
  let issued = 0;
  const tokens = createServer((request, response) => {
    asked.push(`${request.headers.authorization ?? "-"} ${request.url}`);
    if (request.headers.authorization === undefined) {
      response.statusCode = 401;
      response.end("{}");
      return;
    }
    response.end(JSON.stringify({ token: `t${++issued}`, expires_in: issued === 1 ? 1 : 300 }));
  });
  await new Promise<void>((resolve) => tokens.listen(0, "127.0.0.1", resolve));
  after(() => tokens.close());
  const realm = `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`;
  let valid = true;
  registry.behave = (request, response) => {
    const { authorization } = request.headers;
    // The first token ends after the manifest, whatever its server said.
    if (authorization === "Bearer t1" && request.url?.includes("/blobs/")) valid = false;
    if (
      request.url === "/v2/" ||
      (authorization?.startsWith("Bearer t") && (authorization !== "Bearer t1" || valid))
    )
      return false;
    response.statusCode = 401;
    response.setHeader(
      "www-authenticate",
      `Bearer realm="${realm}",service="the, service",scope="repository:team/app:pull"`,
    );
    response.end();
    return true;
  };
  const { store } = await makeStore();
  await assert.rejects(
    store.pull({ reference }),
    fails("UNAUTHORIZED", /unauthorized: authentication required/),
  );
  writeFileSync(
    join(emptyConfig, "config.json"),
    JSON.stringify({
      auths: { [`http://${registry.host}/v1/`]: { username: "me", password: "password123" } },
    }),
  );
  asked.length = 0;
  await store.pull({ reference });
  rmSync(join(emptyConfig, "config.json"));
  const query = new URL(asked[0]?.split(" ")[2] ?? "", realm).searchParams;
  assert.equal(query.get("scope"), "repository:team/app:pull");
  assert.equal(query.get("service"), "the, service");
  assert.ok(issued >= 2);
});

test("a registry with a password: none, a wrong and the right one", async () => {
  const registry = await startRegistry({
    images: ["busybox"],
    htpasswd: { user: "me", password: "password123" },
  });
  after(() => registry.stop());
  const reference = `${registry.host}/busybox`;
  const { store } = await makeStore();
  await assert.rejects(
    store.pull({ reference }),
    fails("UNAUTHORIZED", /authentication required|access denied/),
  );
  const login = (auth: string): void =>
    writeFileSync(
      join(emptyConfig, "config.json"),
      JSON.stringify({ auths: { [registry.host]: { auth: Buffer.from(auth).toString("base64") } } }),
    );
  login("me:wrong");
  await assert.rejects(store.pull({ reference }), fails("UNAUTHORIZED", /access denied/));
  login("me:password123");
  assert.equal((await store.pull({ reference })).upToDate, false);

  // The same from a credential helper, which gets the host by its standard input.
  const bin = join(tmpDir(), "bin");
  mkdirSync(bin);
  const helper = join(bin, "docker-credential-fixture");
  writeFileSync(
    helper,
    `#!/bin/sh\n[ "$1" = get ] && [ "$#" = 1 ] && [ "$(cat)" = "${registry.host}" ] || { echo "credentials not found in native keychain"; exit 1; }\necho '{"ServerURL":"x","Username":"me","Secret":"password123"}'\n`,
  );
  chmodSync(helper, 0o755);
  writeFileSync(
    join(emptyConfig, "config.json"),
    JSON.stringify({ credHelpers: { [registry.host]: "fixture" }, credsStore: "missing" }),
  );
  const path = process.env.PATH;
  process.env.PATH = `${bin}:${path}`;
  const { store: other } = await makeStore();
  assert.equal((await other.pull({ reference })).upToDate, false);
  writeFileSync(join(emptyConfig, "config.json"), JSON.stringify({ credsStore: "fixture" }));
  assert.equal(await findCredential("other.example"), undefined);
  writeFileSync(join(emptyConfig, "config.json"), JSON.stringify({ credsStore: "missing" }));
  await assert.rejects(
    findCredential("other.example"),
    fails("UNAUTHORIZED", /docker-credential-missing cannot be started/),
  );
  writeFileSync(join(emptyConfig, "config.json"), JSON.stringify({ credsStore: "../../bin/sh" }));
  await assert.rejects(findCredential("other.example"), fails("UNAUTHORIZED", /no valid name/));
  writeFileSync(join(emptyConfig, "config.json"), "{");
  await assert.rejects(findCredential("other.example"), fails("UNAUTHORIZED", /not valid JSON/));
  rmSync(join(emptyConfig, "config.json"));
  process.env.PATH = path;
});

test("a registry with a certificate of its own is spoken to by https on loopback", async () => {
  const registry = await startRegistry({ images: ["busybox"], tls: true });
  after(() => registry.stop());
  const { store } = await makeStore();
  await store.pull({ reference: `${registry.host}/busybox` });
  assert.equal(store.count(), 1);
});

test("registries that are not there or have not got it", async () => {
  const registry = await FakeRegistry.start();
  const { store } = await makeStore();
  await assert.rejects(
    store.pull({ reference: `${registry.host}/no:thing` }),
    fails(
      "IMAGE_NOT_FOUND",
      /^manifest for 127\.0\.0\.1:[0-9]+\/no:thing not found: manifest unknown: manifest unknown$/,
    ),
  );
  registry.behave = (_request, response) => {
    response.statusCode = 403;
    response.end(
      JSON.stringify({ errors: [{ code: "DENIED", message: "requested access is denied \u001b[31m" }] }),
    );
    return true;
  };
  await assert.rejects(store.pull({ reference: `${registry.host}/no:thing` }), (error) => {
    fails(
      "UNAUTHORIZED",
      /pull access denied for 127\S+\/no, repository does not exist or may require 'mocker login': denied: requested access/,
    )(error);
    assert.doesNotMatch((error as Error).message, /\u001b/);
    return true;
  });
  registry.stop();
  const statuses: string[] = [];
  await assert.rejects(
    store.pull({ reference: `${registry.host}/x` }, { onProgress: ({ status }) => statuses.push(status) }),
    fails(
      "REGISTRY_UNREACHABLE",
      /^Get "http:\/\/127\S+\/v2\/": dial tcp 127\S+: connect: connection refused$/,
    ),
  );
  assert.ok(!statuses.includes("retrying"), "a refused connection is no reason to wait");
  await assert.rejects(
    store.pull({ reference: "Bad Name" }),
    fails("INVALID_REFERENCE", /lowercase|invalid reference/),
  );
});

test("two pulls of one image share the download; one may be cancelled", async () => {
  const registry = await FakeRegistry.start();
  const wanted = await image();
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
  const wanted = await image();
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

test("challenges are read as RFC 9110 writes them", () => {
  assert.deepEqual(
    parseChallenges('Bearer realm="https://a/b?c=d,e",service=x , scope="s \\"q\\"", Basic realm="r"'),
    [
      { scheme: "bearer", parameters: { realm: "https://a/b?c=d,e", service: "x", scope: 's "q"' } },
      { scheme: "basic", parameters: { realm: "r" } },
    ],
  );
  assert.deepEqual(parseChallenges("Negotiate"), [{ scheme: "negotiate", parameters: {} }]);
  assert.deepEqual(parseChallenges(""), []);
});
