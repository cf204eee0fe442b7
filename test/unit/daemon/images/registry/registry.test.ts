import assert from "node:assert/strict";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { mediaTypes } from "../../../../../engine/daemon/images/oci/manifest.ts";
import { hostPlatform } from "../../../../../engine/daemon/images/oci/platform.ts";
import { parseChallenges } from "../../../../../engine/daemon/images/registry/auth.ts";
import {
  type Credential,
  findCredential,
} from "../../../../../engine/daemon/images/registry/docker-config.ts";
import { retryAfterMs } from "../../../../../engine/daemon/images/registry/http.ts";
import type { MockerError } from "../../../../../engine/protocol/errors.ts";
import type { PullProgress } from "../../../../../engine/protocol/image.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { makeStore } from "../../../../fixtures/image-store.ts";
import {
  makeImage,
  makeTar,
  sha256,
  type TestImage,
  twoLayerImage,
} from "../../../../fixtures/made-image.ts";
import { startRegistry } from "../../../../fixtures/registry.ts";
import { fails } from "../../../../support/fails-with.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const emptyConfig = tmpDir();
process.env.DOCKER_CONFIG = emptyConfig;

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
    (error: unknown) => {
      assert.match(
        (error as MockerError).hint ?? "",
        /^There is no other: leave --platform out, or give linux\//,
      );
      return fails("NO_MATCHING_PLATFORM", /does not match the specified platform/)(error);
    },
  );
  registry.behave = (request, answer) => {
    if (!request.url?.includes("/many/tags/list")) return false;
    answer.setHeader("content-type", "application/json").end('{"name":"many","tags":["v10","v2","v1"]}');
    return true;
  };
  await assert.rejects(store.pull({ reference: `${registry.host}/many:v3` }), (error: unknown) => {
    assert.match((error as MockerError).hint ?? "", /^Tags of \S+\/many: v1, v2, v10\.$/);
    return fails("IMAGE_NOT_FOUND", /^manifest for \S+\/many:v3 not found/)(error);
  });
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
  const wanted = await twoLayerImage();
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
  const wanted = await twoLayerImage();
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
  const wanted = await twoLayerImage();
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
  // What comes with the request counts instead of what is stored, nothing too.
  const credential: Credential = { kind: "basic", username: "me", password: "password123" };
  const { store: third } = await makeStore();
  assert.equal((await third.pull({ reference }, { credentials: async () => credential })).upToDate, false);
  login("me:password123");
  await assert.rejects(
    store.pull({ reference }, { credentials: async () => undefined }),
    fails("UNAUTHORIZED", /access denied/),
  );
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
