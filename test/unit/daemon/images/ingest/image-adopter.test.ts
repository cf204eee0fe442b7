import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { ImageStore } from "../../../../../engine/daemon/images/image-store.ts";
import { mediaTypes } from "../../../../../engine/daemon/images/oci/manifest.ts";
import type { StoreProblem } from "../../../../../engine/protocol/system.ts";
import { assertClean, filesIn, makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, sha256, type TestImage, writeLayout } from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const run = promisify(execFile);

async function image(content: string): Promise<TestImage> {
  return makeImage([
    await makeTar([{ name: "file", content }]),
    await makeTar([{ name: "more", content: content.repeat(1000) }]),
  ]);
}

/** Copies an image into a store as skopeo does, beside a running engine or not. */
async function put(dir: string, name: string, copied: TestImage): Promise<void> {
  const layout = writeLayout(join(tmpDir(), "layout"), { x: copied });
  await run("skopeo", ["--insecure-policy", "copy", "-q", `oci:${layout}:x`, `oci:${dir}:${name}`]);
}

const line = ({ severity, subject, problem, hint }: StoreProblem): string =>
  `${severity}: ${subject} ${problem} (${hint})`;
const blob = (dir: string, digest: string): string => join(dir, "blobs", digest.replace(":", "/"));
const namesIn = (dir: string): (string | undefined)[] =>
  (
    JSON.parse(readFileSync(join(dir, "index.json"), "utf8")) as {
      manifests: { annotations?: Record<string, string> }[];
    }
  ).manifests.map(({ annotations }) => annotations?.["org.opencontainers.image.ref.name"]);

async function contentOf(store: ImageStore, name: string): Promise<string> {
  return readFileSync(join(await store.rootDirectory(name), "file"), "utf8");
}

test("what skopeo writes into the store is an image for the next engine, under its name", async () => {
  const { store, dir } = await makeStore();
  const own = writeLayout(join(tmpDir(), "layout"), { "own:1": await image("own") });
  await store.pull({ reference: `oci:${own}` });
  const other = await image("other");
  await put(dir, "box", other);
  await put(dir, "docker.io/team/app:2", await image("app"));
  await put(dir, "docker.io/team/app:3", other);
  const { store: next } = await makeStore({ dir });
  assert.deepEqual((await next.list()).flatMap(({ repoTags }) => repoTags).sort(), [
    "box:latest",
    "own:1",
    "team/app:2",
    "team/app:3",
  ]);
  assert.equal(await contentOf(next, "box"), "other");
  assert.equal(await contentOf(next, "team/app:2"), "app");
  assert.equal((await next.get("box")).id, other.configDigest);
  assert.deepEqual((await next.check({ deep: true })).problems, []);
  assert.deepEqual(namesIn(dir).sort(), ["box:latest", "own:1", "team/app:2", "team/app:3"]);
  assertClean(dir);
  for (const name of ["own:1", "box", "team/app:2", "team/app:3"]) await next.remove(name);
  assert.deepEqual(filesIn(join(dir, "blobs")), []);
});

test("a running engine leaves it alone, whatever it does meanwhile, and takes it over when asked to repair", async () => {
  const { store, dir } = await makeStore();
  const own = writeLayout(join(tmpDir(), "layout"), {
    "own:1": await image("own"),
    "own:2": await image("two"),
  });
  await store.pull({ reference: `oci:${own}:own:1` });
  const other = await image("other");
  await put(dir, "box", other);
  // All of these write index.json anew or take garbage away.
  await store.pull({ reference: `oci:${own}:own:2` });
  await store.tag("own:1", "third");
  await store.remove("own:2");
  await store.prune({ all: true, filters: {}, inUse: () => [], parseTime: Number });
  assert.ok(namesIn(dir).includes("box"));
  const found = (await store.check({ deep: true })).problems;
  assert.deepEqual(found.map(line), [
    `note: image box (${other.manifestDigest.slice(7, 19)}) was put into the store by another program (Taken over by: mocker system check --repair)`,
  ]);
  const { problems } = await store.check({ repair: true });
  assert.deepEqual(
    problems.map(({ repaired }) => repaired),
    [true],
  );
  assert.equal(await contentOf(store, "box"), "other");
  assert.deepEqual((await store.check({ deep: true })).problems, []);
});

test("a name of ours that it takes over goes to the new image, and the old one stays without it", async () => {
  const { store, dir } = await makeStore();
  const old = await image("old");
  await store.pull({ reference: `oci:${writeLayout(join(tmpDir(), "layout"), { "box:latest": old })}` });
  await put(dir, "box:latest", await image("new"));
  const { store: next } = await makeStore({ dir });
  assert.equal(await contentOf(next, "box"), "new");
  assert.deepEqual((await next.get(old.configDigest)).repoTags, []);
  assert.equal(await contentOf(next, old.configDigest), "old");
});

test("an index of several platforms is the image for this one", async () => {
  const { dir } = await makeStore();
  const own = await image("own");
  const layout = writeLayout(join(tmpDir(), "layout"), { own });
  const foreign = makeImage([await makeTar([{ name: "file", content: "foreign" }])], {
    architecture: "s390x",
  });
  writeLayout(layout, { own, foreign });
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [foreign, own].map(({ manifest, manifestDigest }) => ({
        mediaType: mediaTypes.ociManifest,
        digest: manifestDigest,
        size: manifest.length,
        platform: {
          os: "linux",
          architecture:
            manifestDigest === own.manifestDigest
              ? process.arch === "x64"
                ? "amd64"
                : process.arch
              : "s390x",
        },
      })),
    }),
  );
  writeFileSync(blob(layout, sha256(index)), index);
  writeFileSync(
    join(layout, "index.json"),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ mediaType: mediaTypes.ociIndex, digest: sha256(index), size: index.length }],
    }),
  );
  await run("skopeo", ["--insecure-policy", "copy", "-q", "--all", `oci:${layout}`, `oci:${dir}:multi`]);
  const { store: next } = await makeStore({ dir });
  assert.equal(await contentOf(next, "multi"), "own");
  assert.deepEqual(
    (await next.check({ deep: true })).problems.filter(({ severity }) => severity === "error"),
    [],
  );
});

const damages: Record<string, { spoil: (dir: string, bad: TestImage) => unknown; says: RegExp }> = {
  "a layer is missing": {
    spoil: (dir, { layers: [first = ""] }) => rmSync(blob(dir, first)),
    says: /its blob sha256:[0-9a-f]{64} is missing/,
  },
  "a layer is cut": {
    spoil: (dir, { layers: [first = ""] }) => truncateSync(blob(dir, first), 10),
    says: /has 10 bytes instead of/,
  },
  "a layer has other contents": {
    spoil: (dir, { layers: [first = ""] }) => {
      const bytes = readFileSync(blob(dir, first));
      bytes[20] = (bytes[20] ?? 0) ^ 1;
      writeFileSync(blob(dir, first), bytes);
    },
    says: /has other contents than its digest says/,
  },
  "a layer is a link to another file": {
    spoil: (dir, { layers: [first = ""] }) => {
      rmSync(blob(dir, first));
      symlinkSync("/etc/hostname", blob(dir, first));
    },
    says: /is no file/,
  },
  "the manifest is a pipe": {
    spoil: async (dir, { manifestDigest }) => {
      rmSync(blob(dir, manifestDigest));
      await run("mkfifo", [blob(dir, manifestDigest)]);
    },
    says: /is no file/,
  },
  "the manifest has other contents": {
    spoil: (dir, { manifestDigest, manifest }) =>
      writeFileSync(blob(dir, manifestDigest), Buffer.from(manifest.toString().replace("schema", "scheme"))),
    says: /does not match|digest/,
  },
};
for (const [what, { spoil, says }] of Object.entries(damages))
  test(`one of which ${what} is no image: it is reported, and nothing else suffers`, async () => {
    const { store, dir } = await makeStore();
    const own = writeLayout(join(tmpDir(), "layout"), { "own:1": await image("own") });
    await store.pull({ reference: `oci:${own}` });
    const bad = await image(`bad ${what}`);
    await put(dir, "bad", bad);
    await spoil(dir, bad);
    const { store: next } = await makeStore({ dir, keepUnfinishedMs: 0 });
    assert.deepEqual(
      (await next.list()).flatMap(({ repoTags }) => repoTags),
      ["own:1"],
    );
    const found = (await next.check({ deep: true })).problems.filter(({ severity }) => severity === "error");
    assert.equal(found.length, 1, found.map(line).join("\n"));
    assert.match(
      line(found[0] as StoreProblem),
      /^error: image bad .*put into the store by another program and cannot be used: /,
    );
    assert.match(line(found[0] as StoreProblem), says);
    await next.check({ deep: true, repair: true });
    const left = (await next.check({ deep: true })).problems;
    assert.deepEqual(left.map(line), []);
    assert.deepEqual(namesIn(dir), ["own:1"]);
    assert.equal(await contentOf(next, "own:1"), "own");
  });

test("an index.json that leads out of the store, or is none, harms nothing", async () => {
  const { store, dir } = await makeStore();
  await store.pull({
    reference: `oci:${writeLayout(join(tmpDir(), "layout"), { "own:1": await image("own") })}`,
  });
  const secret = join(dirname(dir), "secret");
  writeFileSync(secret, "secret");
  for (const text of [
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ digest: "sha256:../../../secret", size: 6, mediaType: "" }],
    }),
    JSON.stringify({ schemaVersion: 2, manifests: [null] }),
    "[]",
    "",
  ]) {
    writeFileSync(join(dir, "index.json"), text);
    const { store: next } = await makeStore({ dir });
    assert.deepEqual((await next.check({ deep: true })).problems, []);
    assert.deepEqual(namesIn(dir), ["own:1"]);
  }
  assert.ok(existsSync(secret));
});

test("an image whose removal was interrupted does not come back", async () => {
  const { store, dir } = await makeStore();
  const own = await image("own");
  await store.pull({ reference: `oci:${writeLayout(join(tmpDir(), "layout"), { "own:1": own })}` });
  const index = readFileSync(join(dir, "index.json"));
  store.close();
  // As a kill leaves it just after the record is taken away.
  const record = `${own.configDigest.slice(7)}.json`;
  renameSync(
    join(dir, "records", record),
    join(dir, "ingest", `${own.configDigest.slice(7)}.removed-record`),
  );
  writeFileSync(join(dir, "index.json"), index);
  const { store: next } = await makeStore({ dir });
  assert.deepEqual(await next.list(), []);
  assert.deepEqual(filesIn(join(dir, "blobs")), []);
});

/** Writes a document among the blobs and returns its descriptor. */
function putDocument(dir: string, document: object, mediaType: string): object {
  const bytes = Buffer.from(JSON.stringify(document));
  writeFileSync(blob(dir, sha256(bytes)), bytes);
  return { mediaType, digest: sha256(bytes), size: bytes.length };
}

function list(dir: string, descriptor: object): void {
  writeFileSync(join(dir, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }));
}

test("indexes that list the same indexes a thousand times each are read once each", async () => {
  const { store, dir } = await makeStore();
  store.close();
  const config = { digest: sha256(Buffer.from("")), size: 1 };
  let listed = putDocument(dir, { schemaVersion: 2, config }, mediaTypes.ociManifest);
  for (let depth = 0; depth < 3; depth++)
    listed = putDocument(
      dir,
      { schemaVersion: 2, manifests: Array.from({ length: 1000 }, () => listed) },
      mediaTypes.ociIndex,
    );
  list(dir, listed);
  const { store: next } = await makeStore({ dir });
  assert.deepEqual(await next.list(), []);
});

test("a manifest that is a pipe, although its index promises some bytes, stops nobody", async () => {
  const { store, dir } = await makeStore();
  store.close();
  const own = await image("own");
  const path = blob(dir, own.manifestDigest);
  await run("mkfifo", [path]);
  const child = { mediaType: mediaTypes.ociManifest, digest: own.manifestDigest, size: own.manifest.length };
  list(dir, putDocument(dir, { schemaVersion: 2, manifests: [child] }, mediaTypes.ociIndex));
  const { store: next } = await makeStore({ dir });
  assert.deepEqual(await next.list(), []);
  const [problem] = (await next.check({ repair: true })).problems.filter(
    ({ severity }) => severity === "error",
  );
  assert.match(line(problem as StoreProblem), /cannot be used/);
});

test("names with control characters are told without them", async () => {
  const { store, dir } = await makeStore();
  const own = await image("own");
  await put(dir, "box", own);
  writeFileSync(
    join(dir, "index.json"),
    readFileSync(join(dir, "index.json"), "utf8").replace('"box"', '"box\\u001b]0;x\\u0007"'),
  );
  const subjects: string[] = [];
  const { problems } = await store.check({ onSubject: (subject) => subjects.push(subject) });
  const told = [...subjects, ...problems.map(line)];
  assert.ok(told.some((text) => text.includes("box")));
  assert.doesNotMatch(told.join("\n"), /[\u001b\u0007]/);
});
