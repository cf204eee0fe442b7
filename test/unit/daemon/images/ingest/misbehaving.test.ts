import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { after, describe, test } from "node:test";
import { defaultSettings } from "../../../../../engine/daemon/images/registry/registry-settings.ts";
import type { ErrorCode } from "../../../../../engine/protocol/errors.ts";
import type { PullProgress } from "../../../../../engine/protocol/image.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { assertClean, makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, type TestImage } from "../../../../fixtures/made-image.ts";
import * as misbehaving from "../../../../fixtures/misbehaving-registry.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

process.env.DOCKER_CONFIG = tmpDir();

/** No limit is met by a registry that answers, however busy the machine is. */
const patient = { connectMs: 60_000, idleMs: 60_000, documentMs: 60_000 };
const settings = { ...defaultSettings, maxDownloadAttempts: 3 };

interface Case {
  registry: FakeRegistry;
  image: TestImage;
  reference: string;
}

async function setUp(): Promise<Case> {
  const registry = await FakeRegistry.start();
  const image = makeImage([
    await makeTar([{ name: "small", content: "small" }]),
    await makeTar([{ name: "large", content: randomBytes(300_000) }]),
    await makeTar([{ name: "larger", content: randomBytes(400_000) }]),
  ]);
  return { registry, image, reference: registry.add("app", "latest", image) };
}

type Make = (setup: Case) => misbehaving.Behaviour;

/** The pull succeeds in spite of it. */
function survives(
  what: string,
  make: Make,
  check?: (setup: Case, progress: PullProgress[]) => void,
  timeouts = patient,
): void {
  test(`survived: ${what}`, async () => {
    const setup = await setUp();
    setup.registry.behave = make(setup);
    const { store, dir } = await makeStore({ registry: { timeouts, settings } });
    const progress: PullProgress[] = [];
    const pulled = await store.pull(
      { reference: setup.reference },
      { onProgress: (line) => progress.push(line) },
    );
    assert.equal(pulled.id, setup.image.configDigest);
    assertClean(dir);
    check?.(setup, progress);
  });
}

/**
 * The pull fails, says why and what to do, and an honest registry is pulled from afterwards. At most one
 * limit is short: the one that ends the pull.
 */
function refuses(
  what: string,
  make: Make,
  code: ErrorCode,
  message: RegExp,
  hint: RegExp,
  timeouts = patient,
): void {
  test(`refused: ${what}`, async () => {
    const setup = await setUp();
    setup.registry.behave = make(setup);
    const { store, dir } = await makeStore({ registry: { timeouts, settings } });
    const { reference } = setup;
    await assert.rejects(store.pull({ reference }), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.match(error.hint ?? "", hint);
      return true;
    });
    assert.deepEqual(await store.list(), []);
    assertClean(dir, { partials: true });
    setup.registry.behave = () => false;
    const { store: again } = await makeStore({ dir, registry: { timeouts: patient, settings } });
    await again.pull({ reference });
    assertClean(dir);
  });
}

describe("a registry that misbehaves", { concurrency: 4 }, () => {
  survives("it is slow", ({ registry }) => misbehaving.slow(registry));
  survives(
    "it cuts every download after 90 kB",
    ({ registry }) => misbehaving.truncating(registry, 90_000),
    ({ registry, image }) => {
      for (const layer of image.layers.slice(1)) {
        const starts = registry.fetches(layer).map(({ range }) => Number(/[0-9]+/.exec(range ?? "0")?.[0]));
        assert.deepEqual(
          starts,
          [...starts].sort((a, b) => a - b),
          "each goes on where the last was cut",
        );
        assert.ok(starts.length >= 3);
      }
    },
  );
  survives("it stops in the middle of a layer", ({ registry }) => misbehaving.stalling(registry), undefined, {
    ...patient,
    idleMs: 2000,
  });
  survives(
    "it has too many requests and says when to come back",
    () => misbehaving.overloaded(429, 1, { "retry-after": "0" }),
    (_, progress) =>
      assert.match(progress.find(({ status }) => status === "retrying")?.message ?? "", /too many requests/),
  );
  survives("it answers 503 twice to everything", () =>
    misbehaving.overloaded(503, 2, { "retry-after": "0" }),
  );
  survives(
    "its tokens end in the middle of the pull",
    ({ registry }) => misbehaving.expiringTokens(registry, 2),
    ({ registry }) => assert.ok(registry.seen.filter(({ path }) => path.startsWith("/token")).length >= 2),
  );
  survives("it calls the manifest plain text", ({ registry }) => misbehaving.typed(registry, "text/plain"));

  refuses(
    "it cuts every download at once",
    ({ registry }) => misbehaving.truncating(registry, 0),
    "REGISTRY_UNREACHABLE",
    /the download of \S+app:latest, layer [23] of 3 .* was cut off at 0 of [0-9]+ bytes/,
    /Pull again/,
  );
  refuses(
    "it says that a layer is longer than it is",
    ({ registry }) => misbehaving.wrongLength(registry, 1),
    "DIGEST_MISMATCH",
    /bytes/,
    /damaged or tampered/,
  );
  refuses(
    "it sends other bytes",
    ({ registry }) => misbehaving.wrongBytes(registry),
    "DIGEST_MISMATCH",
    /expected digest sha256/,
    /damaged or tampered/,
  );
  refuses(
    "it redirects in circles",
    () => misbehaving.redirectLoop((request) => request.url?.includes("/manifests/") ?? false),
    "REGISTRY_ERROR",
    /stopped after 5 redirects/,
    /redirects in circles/,
  );
  refuses(
    "it redirects layers in circles",
    () => misbehaving.redirectLoop((request) => request.url?.includes("/blobs/") ?? false),
    "REGISTRY_ERROR",
    /stopped after 5 redirects/,
    /redirects in circles/,
  );
  refuses(
    "it answers 503 for ever",
    () => misbehaving.overloaded(503, Number.POSITIVE_INFINITY, { "retry-after": "0" }),
    "REGISTRY_ERROR",
    /answered with status 503, 3 times in a row/,
    /overloaded or broken: try again later/,
  );
  refuses(
    "its manifest never ends",
    () => misbehaving.endless("manifest"),
    "IMAGE_INVALID",
    /its manifest is larger than 4194304 bytes/,
    /broken or hostile/,
  );
  refuses(
    "its token never ends",
    () => misbehaving.endless("token"),
    "REGISTRY_ERROR",
    /gave no token: an answer of more than 1048576 bytes/,
    /token server/,
  );
  refuses(
    "its manifest comes drop by drop",
    () => misbehaving.trickling,
    "REGISTRY_UNREACHABLE",
    /i\/o timeout \(the answer did not come to its end within 2 seconds\)/,
    /Check the name 127/,
    { ...patient, documentMs: 2000 },
  );
  refuses(
    "it is a web page",
    () => misbehaving.webPage,
    "IMAGE_INVALID",
    /app:latest: it is not JSON/,
    /did not send what an OCI or Docker image consists of/,
  );
  refuses(
    "it calls a manifest an index",
    ({ registry }) =>
      (request, response) => {
        const type = "application/vnd.oci.image.index.v1+json";
        const bytes = Buffer.from(
          JSON.stringify({
            ...JSON.parse(`${registry.manifests.get("app:latest")?.bytes}`),
            mediaType: type,
          }),
        );
        registry.manifests.set("app:lying", { bytes, type });
        if (!request.url?.includes("/manifests/")) return false;
        response.writeHead(200, { "content-type": type });
        response.end(bytes);
        return true;
      },
    "IMAGE_INVALID",
    /it is a manifest, but is called/,
    /damaged/,
  );
  refuses(
    "it takes requests and says nothing",
    () => misbehaving.hanging,
    "REGISTRY_UNREACHABLE",
    /i\/o timeout \(no answer for 2 seconds\)/,
    /Check the name 127/,
    { ...patient, idleMs: 2000 },
  );

  test("refused: a host that takes connections and is no server at all", async () => {
    const server = createServer(() => {}).listen(0, "127.0.0.1");
    after(() => server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { store } = await makeStore({ registry: { timeouts: { ...patient, idleMs: 500 }, settings } });
    await assert.rejects(store.pull({ reference: `${host}/app` }), {
      code: "REGISTRY_UNREACHABLE",
      message: new RegExp(`^Get "http://${host}/v2/": dial tcp ${host}: i/o timeout`),
    });
  });
});
