import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { constants, createGzip, gzipSync } from "node:zlib";
import { chainId, type Digest } from "../../../engine/images/digest.ts";
import { globMatches } from "../../../engine/images/image-records.ts";
import { mediaTypes } from "../../../engine/images/manifest.ts";
import type { ErrorCode, MockerError } from "../../../engine/protocol/errors.ts";
import type { ImageChange } from "../../../engine/protocol/image.ts";
import { fixtureImage } from "../../fixtures/index.ts";
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
  writeLayout,
} from "./support.ts";

const run = promisify(execFile);
process.env.DOCKER_CONFIG = tmpDir();

const hex = (digest: Digest): string => digest.slice("sha256:".length);

function fails(code: ErrorCode, message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.equal((error as MockerError).code, code, (error as Error).stack);
    assert.match((error as Error).message, message);
    return true;
  };
}

async function simple(content: string, more: object = {}) {
  return makeImage([await makeTar([{ name: "file", content }])], { config: more });
}

/** A store with images of the given names, from an OCI layout. */
async function storeWith(images: Record<string, Awaited<ReturnType<typeof simple>>>) {
  const made = await makeStore();
  const layout = writeLayout(join(tmpDir(), "layout"), images);
  for (const name of Object.keys(images)) await made.store.pull({ reference: `oci:${layout}:${name}` });
  return made;
}

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
  assert.ok(existsSync(join(copy, hex(details.layers[0]?.digest ?? ""))));
  const again = await makeStore();
  const imported = await again.store.pull({ reference: `oci:${dir}:${registry.host}/busybox:latest` });
  assert.equal(imported.id, id);
  assert.equal(imported.reference, `${registry.host}/busybox:latest`);
});

test("the same image from a folder, an OCI archive and a docker archive, also a gzipped one", async () => {
  const layout = await fixtureImage("busybox");
  const from = `oci:${layout}:latest`;
  const folder = tmpDir();
  const archives = {
    "oci-archive": join(folder, "oci.tar"),
    "docker-archive": join(folder, "docker.tar"),
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

  const zipped = join(folder, "docker.tar.gz");
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
    store.pull({ reference: `oci:${folder}` }),
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
  const own = await storeWith({ "hello:latest": await simple("mine") });
  assert.deepEqual(
    filesIn(await own.store.rootDirectory("hello")),
    ["file"],
    "a user's own image comes first",
  );
  const missing = await makeStore({ helloPath: "/not/there" });
  await assert.rejects(missing.store.get("hello"), fails("INTERNAL", /built-in image hello is missing/));
});

test("images are found by name, ID and the beginning of an ID", async () => {
  const { store } = await storeWith({ "a/one:1": await simple("1"), "two:2": await simple("2") });
  const [one, two] = [await store.get("a/one:1"), await store.get("two:2")];
  assert.equal((await store.get(one.id)).id, one.id);
  assert.equal((await store.get(hex(one.id))).id, one.id);
  assert.equal((await store.get(hex(one.id).slice(0, 12))).id, one.id);
  assert.equal((await store.get(`sha256:${hex(two.id).slice(0, 8)}`)).id, two.id);
  await assert.rejects(store.get("two"), fails("IMAGE_NOT_FOUND", /^No such image: two:latest$/));
  await assert.rejects(store.get("0".repeat(64)), fails("IMAGE_NOT_FOUND", /^No such image: 0+$/));
  await assert.rejects(store.get(""), fails("IMAGE_NOT_FOUND", /No such image/));
  assert.deepEqual(one.config.env, ["A=1"]);
  assert.equal(one.created, "2024-05-06T07:08:09Z");
});

test("the list's filters are Docker's", async () => {
  const { store } = await storeWith({
    "a/one:1": await simple("1", { Labels: { color: "red", size: "xl" } }),
    "two:2": await simple("2"),
  });
  const names = async (filters: Record<string, string[]>): Promise<string[]> =>
    (await store.list(filters)).flatMap(({ repoTags }) => repoTags).sort();
  assert.deepEqual(await names({}), ["a/one:1", "two:2"]);
  assert.deepEqual(await names({ reference: ["two"] }), ["two:2"]);
  assert.deepEqual(await names({ reference: ["*"] }), ["two:2"]);
  assert.deepEqual(await names({ reference: ["*/*:1", "t*"] }), ["a/one:1", "two:2"]);
  assert.deepEqual(await names({ label: ["color=red"] }), ["a/one:1"]);
  assert.deepEqual(await names({ label: ["size"] }), ["a/one:1"]);
  assert.deepEqual(await names({ label: ["size"], reference: ["two"] }), []);
  assert.deepEqual(await names({ dangling: ["true"] }), []);
  assert.deepEqual(await names({ dangling: ["false"] }), ["a/one:1", "two:2"]);
  assert.deepEqual(await names({ before: ["two:2"] }), []);
  await assert.rejects(store.list({ colour: ["x"] }), fails("INVALID_ARGUMENT", /invalid filter "colour"/));
  await assert.rejects(store.list({ before: ["nope"] }), fails("IMAGE_NOT_FOUND", /nope/));
  assert.equal(globMatches("a[bc]?/*.x", "abz/q.x"), true);
  assert.equal(globMatches("a*", "a/b"), false);
  assert.equal(globMatches("a\\*", "a*"), true);
});

test("a tag moves to the newer image; the older one stays without it", async () => {
  const registry = await FakeRegistry.start();
  const { store, dir } = await makeStore();
  const changes: ImageChange[] = [];
  const subscription = store.onDidChange((change) => changes.push(change));
  const old = await simple("old");
  const young = await simple("young");
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
  const short = hex(a.configDigest).slice(0, 12);
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
  assert.deepEqual(await store.remove(hex(a.configDigest).slice(0, 12)), {
    untagged: [],
    deleted: [a.configDigest, chainId([sha256(shared), own])],
  });
  assert.equal(existsSync(join(dir, "layers", `${hex(own)}.data`)), false);
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
  const { store, dir } = await storeWith({ "x:1": await simple("x"), "y:1": await simple("y") });
  const { id } = await store.get("x:1");
  await store.rootDirectory(id);
  // All that a removal does first; then the power goes.
  rmSync(join(dir, "records", `${hex(id)}.json`));
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

test("zstd layers are read, in several frames and with skippable ones", async () => {
  const folder = tmpDir();
  const tar = await makeTar([
    { name: "a", content: Buffer.alloc(700_000, "abc") },
    { name: "b", content: "b" },
  ]);
  const zstd = (bytes: Buffer, ...args: string[]): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const child = spawn("zstd", ["-q", "-c", ...args], { stdio: ["pipe", "pipe", "inherit"] });
      const chunks: Buffer[] = [];
      child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
      child.on("error", reject).on("close", () => resolve(Buffer.concat(chunks)));
      child.stdin.end(bytes);
    });
  const skippable = Buffer.concat([Buffer.from("502a4d1803000000", "hex"), Buffer.from("xyz")]);
  const forms = [
    await zstd(tar),
    await zstd(tar, "-19", "--no-check"),
    Buffer.concat([
      skippable,
      await zstd(tar.subarray(0, 1000)),
      await zstd(Buffer.alloc(0)),
      skippable,
      await zstd(tar.subarray(1000, 1003)),
      await zstd(tar.subarray(1003)),
    ]),
  ];
  for (const [i, form] of forms.entries()) {
    const { store } = await makeStore();
    const layout = writeLayout(join(folder, `${i}`), {
      x: makeImage([tar], { compress: () => form, mediaType: `${mediaTypes.ociLayer}+zstd` }),
    });
    const { id } = await store.pull({ reference: `oci:${layout}` });
    assert.deepEqual(filesIn(await store.rootDirectory(id)), ["a", "b"]);
  }
  const bad: [string, Buffer, RegExp][] = [
    ["cut", forms[0]?.subarray(0, -20) ?? Buffer.alloc(0), /zstd data is cut|middle of an entry/],
    [
      "damaged",
      Buffer.concat([forms[0]?.subarray(0, 40) ?? Buffer.alloc(0), Buffer.alloc(60, 0xa5)]),
      /zstd data/,
    ],
    ["window of 1 GiB", Buffer.from("28b52ffd00a0010000", "hex"), /window of more than 134217728 bytes/],
  ];
  for (const [name, form, message] of bad) {
    const { store, dir } = await makeStore();
    const layout = writeLayout(join(folder, name), { x: makeImage([tar], { compress: () => form }) });
    await assert.rejects(store.pull({ reference: `oci:${layout}` }), fails("IMAGE_INVALID", message), name);
    assertClean(dir);
  }
});

test("eStargz and zstd:chunked layers are read as the ordinary ones that they also are", async () => {
  const files: Record<string, string> = { a: "a".repeat(9000), b: "b" };
  const toc = JSON.stringify({ version: 1, entries: [] });
  const tar = await makeTar([
    ...Object.entries(files).map(([name, content]) => ({ name, content })),
    { name: "stargz.index.json", content: toc },
  ]);
  // A member for each header and each piece of a file, then a footer: an empty member with a field that has the TOC's offset
  // (github.com/containerd/stargz-snapshotter, docs/estargz.md).
  const pieces = [512, 5000, 9728, 10240, tar.length].map((end, i, ends) =>
    tar.subarray(ends[i - 1] ?? 0, end),
  );
  const footer = Buffer.concat([
    Buffer.from("1f8b0804000000000000", "hex"),
    Buffer.from("1a005347", "hex"),
    Buffer.from("1600", "hex"),
    Buffer.from("0000000000000200STARGZ"),
    Buffer.from("010000ffff0000000000000000", "hex"),
  ]);
  const estargz = Buffer.concat([...pieces.map((piece) => gzipSync(piece)), footer]);
  // Frames, then skippable ones with the manifest and the footer (github.com/containers/storage, pkg/chunked).
  const zstd = (bytes: Buffer): Buffer => execFileSync("zstd", ["-q", "-c"], { input: bytes });
  const skippable = (bytes: Buffer): Buffer => {
    const head = Buffer.from("502a4d1800000000", "hex");
    head.writeUInt32LE(bytes.length, 4);
    return Buffer.concat([head, bytes]);
  };
  const chunked = Buffer.concat([
    ...pieces.map(zstd),
    skippable(zstd(Buffer.from(toc))),
    skippable(Buffer.concat([Buffer.alloc(56), Buffer.from("GNUlInUx")])),
  ]);
  for (const [form, mediaType] of [
    [estargz, mediaTypes.ociLayerGzip],
    [chunked, `${mediaTypes.ociLayer}+zstd`],
  ] as const) {
    const { store } = await makeStore();
    const layout = writeLayout(join(tmpDir(), "layout"), {
      x: makeImage([tar], { compress: () => form, mediaType }),
    });
    const root = await store.rootDirectory((await store.pull({ reference: `oci:${layout}` })).id);
    assert.deepEqual(filesIn(root), ["a", "b", "stargz.index.json"]);
    for (const [name, content] of Object.entries(files))
      assert.equal(readFileSync(join(root, name), "utf8"), content);
  }
});

test("plain layers, several gzip members and garbage after them", async () => {
  const tar = await makeTar([{ name: "a", content: "a".repeat(100_000) }]);
  const forms = [
    tar,
    Buffer.concat([gzipSync(tar.subarray(0, 777)), gzipSync(tar.subarray(777))]),
    Buffer.concat([gzipSync(tar), Buffer.alloc(500_000)]),
  ];
  for (const form of forms) {
    const { store } = await makeStore();
    const layout = writeLayout(join(tmpDir(), "layout"), { x: makeImage([tar], { compress: () => form }) });
    assert.deepEqual(
      filesIn(await store.rootDirectory((await store.pull({ reference: `oci:${layout}` })).id)),
      ["a"],
    );
  }
  for (const form of [
    gzipSync(tar).subarray(0, 90),
    Buffer.concat([gzipSync(tar).subarray(0, 60), Buffer.alloc(300, 0x55)]),
    Buffer.alloc(3000, 0x55),
    Buffer.from([0x1f, 0x8b]),
  ]) {
    const { store, dir } = await makeStore();
    const layout = writeLayout(join(tmpDir(), "layout"), { x: makeImage([tar], { compress: () => form }) });
    await assert.rejects(store.pull({ reference: `oci:${layout}` }), fails("IMAGE_INVALID", /layer 1 of 1/));
    assertClean(dir);
  }
});

test("the same layer compressed in another way is stored as it came, verified, and converted only once", async () => {
  const tar = await makeTar([{ name: "a", content: "a".repeat(50_000) }]);
  const { store, dir } = await makeStore();
  const zipped = makeImage([tar]);
  const plain = makeImage([tar], { compress: (bytes) => bytes, mediaType: mediaTypes.ociLayer });
  const broken = makeImage([tar], { compress: (bytes) => gzipSync(bytes, { level: 1 }) });
  const damaged = broken.layers[0] ?? "";
  broken.blobs.set(damaged, Buffer.alloc(broken.blobs.get(damaged)?.length ?? 0));
  const layout = writeLayout(join(tmpDir(), "layout"), { zipped, plain, broken });
  await store.pull({ reference: `oci:${layout}:zipped` });
  const converted = statSync(join(dir, "layers", `${hex(sha256(tar))}.data`)).ino;
  await store.pull({ reference: `oci:${layout}:plain` });
  await assert.rejects(
    store.pull({ reference: `oci:${layout}:broken` }),
    fails("DIGEST_MISMATCH", /expected digest/),
  );
  assert.equal(statSync(join(dir, "layers", `${hex(sha256(tar))}.data`)).ino, converted);
  assertClean(dir);
});

test("a hostile layer is named, with its entry, and leaves nothing behind", async () => {
  const good = await makeTar([{ name: "good", content: "x" }]);
  const bad = await makeTar([
    { name: "fine", content: "x" },
    { name: "../../etc/cron.d/evil", content: "x" },
  ]);
  const layout = writeLayout(join(tmpDir(), "layout"), {
    parse: makeImage([good, bad]),
    merge: makeImage([good, await makeTar([{ name: "x", type: "link", linkname: "not/there" }])]),
  });
  const { store, dir } = await makeStore();
  await assert.rejects(
    store.pull({ reference: `oci:${layout}:parse` }),
    fails("IMAGE_INVALID", /layer 2 of 2 \([0-9a-f]{12}\): "\.\.\/\.\.\/etc\/cron\.d\/evil" is outside/),
  );
  await assert.rejects(
    store.pull({ reference: `oci:${layout}:merge` }),
    fails("IMAGE_INVALID", /layer 2 of 2: the hard link "x" points to "not\/there"/),
  );
  assert.deepEqual(await store.list(), []);
  assertClean(dir);
  await makeStore({ dir, keepUnfinishedMs: 0 });
  assert.deepEqual(filesIn(join(dir, "layers")), [], "what no image needs goes in time");
});

test("10 GiB of zeros in 10 MB are refused soon and in little memory", async () => {
  const folder = tmpDir();
  const header = (await makeTar([{ name: "zeros", content: "" }])).subarray(0, 512);
  const size = 10 * 2 ** 30;
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("        ", 148);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  const gzip = createGzip({ level: 1, memLevel: 9, strategy: constants.Z_DEFAULT_STRATEGY });
  const chunks: Buffer[] = [];
  gzip.on("data", (chunk: Buffer) => chunks.push(chunk));
  gzip.write(header);
  const block = Buffer.alloc(8 << 20);
  // Enough of it: the rest would be the same again.
  for (let i = 0; i < 320; i++)
    if (!gzip.write(block)) await new Promise((resolve) => gzip.once("drain", resolve));
  await new Promise((resolve) => gzip.end(resolve));
  const bomb = Buffer.concat(chunks);
  const layout = writeLayout(join(folder, "layout"), {
    bomb: makeImage([Buffer.from("x")], { compress: () => bomb }),
  });
  const { store, dir } = await makeStore();
  const before = process.resourceUsage().maxRSS;
  await assert.rejects(
    store.pull({ reference: `oci:${layout}` }),
    fails("IMAGE_INVALID", /decompression bomb/),
  );
  assert.ok(process.resourceUsage().maxRSS - before < 150 * 1024, "memory");
  assertClean(dir);
});
