import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { chainId } from "../../../../engine/docker/digest.ts";
import type { ImageChange } from "../../../../engine/protocol/image.ts";
import { FakeRegistry } from "../../../fixtures/fake-registry.ts";
import { assertClean, filesIn, makeStore, storeWith } from "../../../fixtures/image-store.ts";
import { fixtureImage } from "../../../fixtures/index.ts";
import { hexOf, makeImage, makeTar, oneFileImage, sha256 } from "../../../fixtures/made-image.ts";
import { startRegistry } from "../../../fixtures/registry.ts";
import { fails } from "../../../support/fails-with.ts";
import { tmpDir } from "../../../support/tmp-dir.ts";

const run = promisify(execFile);
process.env.DOCKER_CONFIG = tmpDir();

test("a real registry's image comes in and skopeo reads the store", async () => {
  const registry = await startRegistry({ images: ["busybox"] });
  after(() => registry.stop());
  const { store, dir } = await makeStore();
  const { id } = await store.pull({ reference: `${registry.host}/busybox` });
  const details = await store.get(`${registry.host}/busybox:latest`);
  assert.equal(details.id, id);
  assert.deepEqual(details.repoTags, [`${registry.host}/busybox:latest`]);
  assert.equal(details.repoDigests.length, 1);
  assert.ok(details.sizeBytes > 1_000_000);
  const copy = join(tmpDir(), "copy");
  await run("skopeo", [
    "--insecure-policy",
    "copy",
    "--quiet",
    `oci:${dir}:${registry.host}/busybox:latest`,
    `dir:${copy}`,
  ]);
  assert.ok(existsSync(join(copy, hexOf(details.layers[0]?.digest ?? ""))));
  const again = await makeStore();
  const imported = await again.store.pull({ reference: `oci:${dir}:${registry.host}/busybox:latest` });
  assert.equal(imported.id, id);
  assert.equal(imported.reference, `${registry.host}/busybox:latest`);
});

test("the same image from a directory, an OCI archive and a docker archive, also a gzipped one", async () => {
  const layout = await fixtureImage("busybox");
  const from = `oci:${layout}:latest`;
  const directory = tmpDir();
  const archives = {
    "oci-archive": join(directory, "oci.tar"),
    "docker-archive": join(directory, "docker.tar"),
  };
  await run("skopeo", [
    "--insecure-policy",
    "copy",
    "--quiet",
    from,
    `oci-archive:${archives["oci-archive"]}:some/name:1.2`,
  ]);
  await run("skopeo", [
    "--insecure-policy",
    "copy",
    "--quiet",
    from,
    `docker-archive:${archives["docker-archive"]}:some/name:1.3`,
  ]);
  const { store, dir } = await makeStore();
  const first = await store.pull({ reference: from });
  const oci = await store.pull({ reference: `oci-archive:${archives["oci-archive"]}` });
  assert.equal(oci.id, first.id);
  assert.equal(oci.reference, "docker.io/some/name:1.2");
  const docker = await store.pull({ reference: `docker-archive:${archives["docker-archive"]}` });
  assert.equal(docker.reference, "docker.io/some/name:1.3");
  const files = async (id: string): Promise<string[]> => filesIn(await store.rootDirectory(id));
  assert.deepEqual(await files(docker.id), await files(first.id));
  assert.equal(
    (await store.rootDisk(docker.id)).path,
    (await store.rootDisk(first.id)).path,
    "the same layers: the same disk",
  );

  const zipped = join(directory, "docker.tar.gz");
  writeFileSync(zipped, gzipSync(readFileSync(archives["docker-archive"])));
  assert.equal((await store.pull({ reference: `docker-archive:${zipped}` })).upToDate, true);
  await assert.rejects(
    store.pull({ reference: `docker-archive:${zipped}:other/name` }),
    fails("IMAGE_NOT_FOUND", /no image "other\/name"/),
  );
  await assert.rejects(
    store.pull({ reference: `docker-archive:${archives["oci-archive"]}` }),
    fails("IMAGE_INVALID", /no manifest\.json/),
  );
  writeFileSync(zipped, gzipSync(Buffer.alloc(3000, 1)));
  await assert.rejects(
    store.pull({ reference: `docker-archive:${zipped}` }),
    fails("IMAGE_INVALID", /no valid archive/),
  );
  writeFileSync(zipped, readFileSync(archives["docker-archive"]).subarray(0, 100_000));
  await assert.rejects(store.pull({ reference: `docker-archive:${zipped}` }), fails("IMAGE_INVALID", /cut/));
  await assert.rejects(
    store.pull({ reference: "docker-archive:/not/there" }),
    fails("INVALID_ARGUMENT", /no such file/),
  );
  await assert.rejects(
    store.pull({ reference: "oci:/not/there" }),
    fails("INVALID_ARGUMENT", /no such file/),
  );
  await assert.rejects(
    store.pull({ reference: `oci:${directory}` }),
    fails("INVALID_ARGUMENT", /no OCI image layout/),
  );
  await assert.rejects(
    store.pull({ reference: `oci:${layout}:other` }),
    fails("IMAGE_NOT_FOUND", /no image named "other"/),
  );
  assertClean(dir);
});

test("images of other tools come through skopeo, docker or podman, and without them it is said", async () => {
  const archive = join(tmpDir(), "docker.tar");
  await run("skopeo", [
    "--insecure-policy",
    "copy",
    "--quiet",
    `oci:${await fixtureImage("busybox")}:latest`,
    `docker-archive:${archive}:app:1`,
  ]);
  const bin = join(tmpDir(), "bin");
  mkdirSync(bin);
  const path = process.env.PATH;
  after(() => {
    process.env.PATH = path;
  });
  process.env.PATH = bin;
  const { store, dir } = await makeStore();
  await assert.rejects(
    store.pull({ reference: "docker-daemon:app:1" }),
    fails("FEATURE_UNAVAILABLE", /needs skopeo or docker/),
  );
  await assert.rejects(
    store.pull({ reference: "containers-storage:app:1" }),
    fails("FEATURE_UNAVAILABLE", /needs skopeo or podman/),
  );
  const tool = join(bin, "docker");
  writeFileSync(
    tool,
    `#!/bin/sh\n[ "$1 $4" = "save app:1" ] || { echo "no such image: $4" >&2; exit 1; }\n/bin/cp ${archive} "$3"\n`,
  );
  chmodSync(tool, 0o755);
  assert.equal((await store.pull({ reference: "docker-daemon:app:1" })).reference, "docker.io/library/app:1");
  await assert.rejects(
    store.pull({ reference: "docker-daemon:other" }),
    fails("IMAGE_NOT_FOUND", /docker: no such image: other:latest/),
  );
  process.env.PATH = path;
  assertClean(dir);
});

test("hello is always there", async () => {
  const { store } = await makeStore();
  assert.deepEqual(await store.list(), []);
  const details = await store.get("hello");
  assert.deepEqual(details.config.cmd, ["/hello"]);
  assert.deepEqual(details.repoTags, ["hello:latest"]);
  const pulled = await store.pull({ reference: "docker.io/library/hello" });
  assert.deepEqual(pulled, {
    id: details.id,
    digest: details.manifestDigest,
    reference: "docker.io/library/hello:latest",
    upToDate: true,
  });
  const root = await store.rootDirectory("hello");
  assert.deepEqual(filesIn(root), ["etc/group", "etc/passwd", "hello"]);
  const { stdout } = await run(join(root, "hello"));
  assert.match(stdout, /\S/);
  const own = await storeWith({ "hello:latest": await oneFileImage("mine") });
  assert.deepEqual(
    filesIn(await own.store.rootDirectory("hello")),
    ["file"],
    "a user's own image comes first",
  );
  const missing = await makeStore({ helloPath: "/not/there" });
  await assert.rejects(missing.store.get("hello"), fails("INTERNAL", /built-in image hello is missing/));
});

test("images are found by name, ID and the beginning of an ID", async () => {
  const { store } = await storeWith({ "a/one:1": await oneFileImage("1"), "two:2": await oneFileImage("2") });
  const [one, two] = [await store.get("a/one:1"), await store.get("two:2")];
  assert.equal((await store.get(one.id)).id, one.id);
  assert.equal((await store.get(hexOf(one.id))).id, one.id);
  assert.equal((await store.get(hexOf(one.id).slice(0, 12))).id, one.id);
  assert.equal((await store.get(`sha256:${hexOf(two.id).slice(0, 8)}`)).id, two.id);
  await assert.rejects(store.get("two"), fails("IMAGE_NOT_FOUND", /^No such image: two:latest$/));
  await assert.rejects(store.get("0".repeat(64)), fails("IMAGE_NOT_FOUND", /^No such image: 0+$/));
  await assert.rejects(store.get(""), fails("IMAGE_NOT_FOUND", /^invalid reference format/));
  assert.deepEqual(one.config.env, ["A=1"]);
  assert.equal(one.created, "2024-05-06T07:08:09Z");
});

test("the list's filters are Docker's", async () => {
  const { store } = await storeWith({
    "a/one:1": await oneFileImage("1", { Labels: { color: "red", size: "xl" } }),
    "two:2": await oneFileImage("2"),
  });
  const names = async (filters: Record<string, string[]>): Promise<string[]> =>
    (await store.list(filters)).flatMap(({ repoTags }) => repoTags).sort();
  assert.deepEqual(await names({}), ["a/one:1", "two:2"]);
  assert.deepEqual(await names({ reference: ["two"] }), ["two:2"]);
  assert.deepEqual(await names({ reference: ["*"] }), ["two:2"]);
  assert.deepEqual(await names({ reference: ["*/*:1", "t*"] }), ["a/one:1", "two:2"]);
  assert.deepEqual(await names({ label: ["color=red"] }), ["a/one:1"]);
  assert.deepEqual(await names({ label: ["size"] }), ["a/one:1"]);
  assert.deepEqual(await names({ label: ["color=red", "size"] }), ["a/one:1"]);
  assert.deepEqual(await names({ label: ["color=red", "none"] }), []);
  assert.deepEqual(await names({ "label!": ["size"], reference: ["a/*"] }), []);
  assert.deepEqual(await names({ until: ["1970-01-01T00:00:00Z"] }), []);
  assert.deepEqual(await names({ label: ["size"], reference: ["two"] }), []);
  assert.deepEqual(await names({ dangling: ["true"] }), []);
  assert.deepEqual(await names({ dangling: ["false"] }), ["a/one:1", "two:2"]);
  assert.deepEqual(await names({ before: ["two:2"] }), []);
  await assert.rejects(store.list({ colour: ["x"] }), fails("INVALID_ARGUMENT", /invalid filter 'colour'/));
  await assert.rejects(store.list({ before: ["nope"] }), fails("IMAGE_NOT_FOUND", /nope/));
});

test("a list by reference shows an image by those of its names alone that match", async () => {
  const registry = await FakeRegistry.start();
  const { store } = await makeStore();
  const reference = registry.add("team/app", "v1", await oneFileImage("1"));
  await store.pull({ reference });
  for (const name of ["mine:1", "mine:2", "yours:1"]) await store.tag(reference, name);
  const [name = ""] = /^.*(?=:)/.exec(reference) ?? [];
  const namesOf = async (...patterns: string[]): Promise<unknown[]> =>
    (await store.list({ reference: patterns })).map(({ repoTags, repoDigests }) => [repoTags, repoDigests]);
  assert.deepEqual(await namesOf("mine"), [[["mine:1", "mine:2"], []]]);
  assert.deepEqual(await namesOf("mine:2", "yours:*"), [[["mine:2", "yours:1"], []]]);
  const [pulled] = (await store.list()).flatMap(({ repoDigests }) => repoDigests);
  assert.deepEqual(await namesOf(name), [[[reference], [pulled]]]);
  assert.deepEqual(await namesOf(pulled ?? ""), [[[], [pulled]]]);
  assert.deepEqual(await namesOf("mine:3"), []);
});

test("nothing is pulled under the reserved name", async () => {
  const { store } = await makeStore();
  for (const reference of ["scratch", "docker.io/library/scratch:1"])
    await assert.rejects(
      store.pull({ reference }),
      fails("INVALID_REFERENCE", /^'scratch' is a reserved name$/),
    );
});

test("an empty store takes nothing of the disk that could be reclaimed; what a broken pull left is", async () => {
  const { store, dir } = await makeStore();
  assert.deepEqual(await store.usage(() => 0), { items: [], diskBytes: 0, reclaimableBytes: 0 });
  writeFileSync(join(dir, "ingest", `sha256-${"ab".repeat(32)}.partial`), Buffer.alloc(8192, 1));
  const { diskBytes, reclaimableBytes } = await store.usage(() => 0);
  assert.ok(diskBytes >= 8192);
  assert.equal(reclaimableBytes, diskBytes);
});

test("a tag moves to the newer image; the older one stays without it", async () => {
  const registry = await FakeRegistry.start();
  const { store, dir } = await makeStore();
  const changes: ImageChange[] = [];
  const subscription = store.onDidChange((change) => changes.push(change));
  const old = await oneFileImage("old");
  const young = await oneFileImage("young");
  const reference = registry.add("app", "x", old);
  await store.pull({ reference });
  registry.add("app", "x", young);
  await store.pull({ reference });
  assert.deepEqual((await store.get(reference)).id, young.configDigest);
  assert.deepEqual((await store.get(old.configDigest)).repoTags, []);
  assert.deepEqual(
    (await store.list({ dangling: ["true"] })).map(({ id }) => id),
    [old.configDigest],
  );
  assert.deepEqual(
    changes.map(({ kind, id }) => [kind, id]),
    [
      ["added", old.configDigest],
      ["changed", old.configDigest],
      ["added", young.configDigest],
    ],
  );
  subscription.dispose();
  const layout = JSON.parse(readFileSync(join(dir, "index.json"), "utf8"));
  assert.deepEqual(
    layout.manifests
      .map(
        (entry: { annotations?: Record<string, string> }) =>
          entry.annotations?.["org.opencontainers.image.ref.name"],
      )
      .sort(),
    [`${registry.host}/app:x`, undefined],
  );
  await store.remove(old.configDigest);
  assert.equal(changes.length, 3);
});

test("removing takes names first, then the image, and only what nobody else needs", async () => {
  const shared = await makeTar([{ name: "shared", content: "s".repeat(9000) }]);
  const a = makeImage([shared, await makeTar([{ name: "a", content: "a" }])]);
  const b = makeImage([shared]);
  const registry = await FakeRegistry.start();
  const names = [registry.add("a", "1", a), registry.add("a", "2", a), registry.add("other", "1", a)];
  const { store, dir } = await makeStore();
  for (const reference of [...names, registry.add("b", "1", b)]) await store.pull({ reference });
  await store.rootDirectory(a.configDigest);
  const host = registry.host;
  await assert.rejects(
    store.remove(a.configDigest),
    fails("IMAGE_IN_USE", /referenced in multiple repositories/),
  );
  assert.deepEqual(await store.remove(`${host}/a:1`), { untagged: [`${host}/a:1`], deleted: [] });
  assert.deepEqual(await store.remove(`${host}/a:2`), {
    untagged: [`${host}/a:2`, `${host}/a@${a.manifestDigest}`],
    deleted: [],
  });
  const user = { id: "1234567890abcdef".repeat(4), name: "web", running: false };
  const inUse = (id: string): (typeof user)[] => (id === a.configDigest ? [user] : []);
  const short = hexOf(a.configDigest).slice(0, 12);
  await assert.rejects(
    store.remove(`${host}/other:1`, { inUse }),
    fails(
      "IMAGE_IN_USE",
      new RegExp(
        `^conflict: unable to remove repository reference "${host}/other:1" \\(must force\\) - container 1234567890ab is using its referenced image ${short}$`,
      ),
    ),
  );
  await assert.rejects(
    store.remove(a.configDigest, { inUse }),
    fails(
      "IMAGE_IN_USE",
      new RegExp(
        `^conflict: unable to delete ${short} \\(must be forced\\) - image is being used by stopped container 1234567890ab$`,
      ),
    ),
  );
  await assert.rejects(
    store.remove(a.configDigest, { force: true, inUse: () => [{ ...user, running: true }] }),
    fails("IMAGE_IN_USE", /\(cannot be forced\) - image is being used by running container 1234567890ab$/),
  );
  assert.deepEqual(await store.remove(`${host}/other:1`, { inUse, force: true }), {
    untagged: [`${host}/other:1`, `${host}/other@${a.manifestDigest}`],
    deleted: [],
  });
  assert.ok((await store.rootDisk(a.configDigest)).files.every(existsSync), "a VM keeps its disk");
  const own = sha256(await makeTar([{ name: "a", content: "a" }]));
  assert.deepEqual(await store.remove(hexOf(a.configDigest).slice(0, 12)), {
    untagged: [],
    deleted: [a.configDigest, chainId([sha256(shared), own])],
  });
  assert.equal(existsSync(join(dir, "layers", `${hexOf(own)}.data`)), false);
  assert.deepEqual(
    readdirSync(join(dir, "rootfs")).filter((name) => !name.endsWith(".synced")),
    [],
  );
  assert.deepEqual(
    filesIn(await store.rootDirectory(b.configDigest)),
    ["shared"],
    "the shared layer is still there",
  );
  await store.remove(`${host}/b:1`);
  assert.deepEqual(
    filesIn(dir).filter((name) => !/^(boot|lock|oci-layout|index\.json)$/.test(name)),
    [],
  );
  assert.deepEqual(JSON.parse(readFileSync(join(dir, "index.json"), "utf8")).manifests, []);
  await assert.rejects(store.remove("nope"), fails("IMAGE_NOT_FOUND", /No such image: nope:latest/));
});

test("a crash in the middle of a removal leaves nothing behind after the next start", async () => {
  const { store, dir } = await storeWith({ "x:1": await oneFileImage("x"), "y:1": await oneFileImage("y") });
  const { id } = await store.get("x:1");
  await store.rootDirectory(id);
  // All that a removal does first; then the power goes.
  rmSync(join(dir, "records", `${hexOf(id)}.json`));
  writeFileSync(join(dir, "ingest", "layer-1.99-1.tmp-data"), "x");
  const { store: next } = await makeStore({ dir, keepUnfinishedMs: 0 });
  assert.deepEqual(
    (await next.list()).flatMap(({ repoTags }) => repoTags),
    ["y:1"],
  );
  assert.equal(filesIn(join(dir, "blobs")).length, 3);
  assert.equal(filesIn(join(dir, "layers")).filter((name) => !name.endsWith(".synced")).length, 2);
  assert.deepEqual(
    readdirSync(join(dir, "rootfs")).filter((name) => !name.endsWith(".synced")),
    [],
  );
  assertClean(dir);
  // A record that cannot be read makes nothing garbage.
  const record = join(dir, "records", filesIn(join(dir, "records"))[0] ?? "");
  writeFileSync(record, "{");
  const { store: third } = await makeStore({ dir, keepUnfinishedMs: 0 });
  assert.equal(third.count(), 0);
  assert.equal(filesIn(join(dir, "blobs")).length, 3);
});
