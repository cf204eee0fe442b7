import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { extract } from "tar-stream";
import type { ImageStore } from "../../../../../engine/daemon/images/image-store.ts";
import { mediaTypes } from "../../../../../engine/daemon/images/oci/manifest.ts";
import { assertClean, filesIn, makeStore, storeWith } from "../../../../fixtures/image-store.ts";
import { fixtureImage } from "../../../../fixtures/index.ts";
import { makeImage, makeTar, sha256, writeLayout } from "../../../../fixtures/made-image.ts";
import { fails } from "../../../../support/fails-with.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { compressedBy, pieces } from "./archive-forms.ts";

const run = promisify(execFile);

async function saved(store: ImageStore, names: string[], platform?: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of store.save(names, platform)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function saveTo(store: ImageStore, names: string[]): Promise<string> {
  const path = join(tmpDir(), "saved.tar");
  writeFileSync(path, await saved(store, names));
  return path;
}

/** Members of a tar archive: name → contents. */
async function members(tar: Buffer): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const reader = extract();
  reader.end(tar);
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(Buffer.from(chunk as Uint8Array));
    assert.equal(found.has(entry.header.name), false, `${entry.header.name} is there twice`);
    found.set(entry.header.name, Buffer.concat(chunks));
  }
  return found;
}

function json(archive: Map<string, Buffer>, name: string): unknown {
  return JSON.parse(archive.get(name)?.toString() ?? "null");
}

async function twoImages() {
  const shared = await makeTar([{ name: "shared", content: "s".repeat(20_000) }]);
  const own = await makeTar([{ name: "own", content: "o" }]);
  return { one: makeImage([shared]), two: makeImage([shared, own]) };
}

test("an archive is docker's and an OCI layout, with each blob once and as it was pulled", async () => {
  const { one, two } = await twoImages();
  const { store } = await storeWith({ "one:1": one, "a/two:2": two });
  await store.tag("one:1", "one:latest");
  const archive = await members(await saved(store, ["one", "a/two:2"]));
  const [layer = "", own = ""] = two.layers;
  const member = (digest: string): string => `blobs/${digest.replace(":", "/")}`;
  assert.deepEqual(json(archive, "oci-layout"), { imageLayoutVersion: "1.0.0" });
  assert.deepEqual(json(archive, "manifest.json"), [
    { Config: member(one.configDigest), RepoTags: ["one:1", "one:latest"], Layers: [member(layer)] },
    { Config: member(two.configDigest), RepoTags: ["a/two:2"], Layers: [member(layer), member(own)] },
  ]);
  const index = json(archive, "index.json") as { manifests: { digest: string; annotations: object }[] };
  assert.deepEqual(
    index.manifests.map(({ digest, annotations }) => [digest, annotations]),
    [
      [one.manifestDigest, "docker.io/library/one:1", "1"],
      [one.manifestDigest, "docker.io/library/one:latest", "latest"],
      [two.manifestDigest, "docker.io/a/two:2", "2"],
    ].map(([digest, name, tag]) => [
      digest,
      { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag },
    ]),
  );
  assert.deepEqual(Object.keys(json(archive, "repositories") as object), ["one", "a/two"]);
  for (const [digest, bytes] of [...one.blobs, ...two.blobs])
    assert.ok(archive.get(member(digest))?.equals(bytes), digest);
  assert.ok(archive.get(member(two.manifestDigest))?.equals(two.manifest));

  // By ID there are no names.
  const unnamed = await members(await saved(store, [one.configDigest]));
  assert.deepEqual(json(unnamed, "manifest.json"), [
    { Config: member(one.configDigest), RepoTags: null, Layers: [member(layer)] },
  ]);
  assert.equal(unnamed.has("repositories"), false);
  assert.throws(() => store.save(["one", "nope"]), fails("IMAGE_NOT_FOUND", /nope/));
  assert.throws(
    () => store.save(["one:1"], "linux/s390x"),
    fails("NO_MATCHING_PLATFORM", /does not provide the specified platform \(linux\/s390x\)/),
  );
});

test("what is saved is loaded with the same digests and names", async () => {
  const { one, two } = await twoImages();
  const { store } = await storeWith({ "one:1": one, "a/two:2": two });
  const tar = await saved(store, ["one:1", "a/two", one.configDigest]);
  const { store: other, dir } = await makeStore();
  const directory = tmpDir();
  const forms = { plain: tar, ...(await compressedBy(["gzip", "zstd", "xz", "bzip2"], tar)) };
  for (const [form, bytes] of Object.entries(forms)) {
    const path = join(directory, form);
    writeFileSync(path, bytes);
    for (const source of [{ path }, { name: form, chunks: pieces(bytes, 777) }]) {
      assert.deepEqual(
        await other.load(source),
        {
          images: [
            { id: one.configDigest, references: ["one:1"] },
            { id: two.configDigest, references: ["a/two:2"] },
          ],
          renamed: [],
        },
        form,
      );
      assert.equal((await other.get("a/two:2")).manifestDigest, two.manifestDigest);
      await other.remove("one:1");
      await other.remove("a/two:2");
      assertClean(dir);
    }
  }
  // A name that another image has moves, and that is said.
  await other.load({ path: join(directory, "plain") });
  await other.tag("a/two:2", "one:1");
  assert.deepEqual((await other.load({ path: join(directory, "plain") })).renamed, [
    { reference: "one:1", oldId: two.configDigest },
  ]);
  assert.equal((await other.get("one:1")).id, one.configDigest);
  assert.deepEqual((await other.check({ deep: true })).problems, []);
});

test("an image that is removed while it is saved is saved whole, and gone then", async () => {
  const image = makeImage([await makeTar([{ name: "large", content: randomBytes(2 << 20) }])]);
  const { store, dir } = await storeWith({ "one:1": image });
  const chunks = store.save(["one:1"]);
  const parts = [(await chunks.next()).value as Buffer];
  await store.remove("one:1");
  for await (const chunk of chunks) parts.push(chunk);
  assert.equal(
    (await members(Buffer.concat(parts))).has(`blobs/sha256/${image.manifestDigest.slice(7)}`),
    true,
  );
  assertClean(dir);
  assert.deepEqual(filesIn(join(dir, "blobs")), []);
  assert.deepEqual(filesIn(join(dir, "layers")), []);
});

test("skopeo takes what is saved, and load takes what skopeo writes", async () => {
  const { store } = await makeStore();
  const { id } = await store.pull({ reference: `oci:${await fixtureImage("busybox")}:latest` });
  await store.tag(id, "some/box:1");
  const archive = await saveTo(store, ["some/box:1"]);
  const directory = tmpDir();
  for (const [source, name] of [
    [`docker-archive:${archive}:some/box:1`, "docker"],
    [`oci-archive:${archive}`, "oci"],
  ] as const) {
    const copy = join(directory, name);
    await run("skopeo", ["--insecure-policy", "copy", "-q", source, `dir:${copy}`]);
    assert.ok(existsSync(join(copy, id.replace("sha256:", ""))), `${name}: another configuration`);
  }
  for (const transport of ["docker-archive", "oci-archive"] as const) {
    const path = join(directory, `${transport}.tar`);
    const from = `oci:${await fixtureImage("busybox")}:latest`;
    await run("skopeo", ["--insecure-policy", "copy", "-q", from, `${transport}:${path}:some/name:1.2`]);
    const { store: other } = await makeStore();
    const [image] = (await other.load({ path })).images;
    assert.deepEqual(image, { id, references: ["some/name:1.2"] }, transport);
    assert.deepEqual(filesIn(await other.rootDirectory(id)), filesIn(await store.rootDirectory(id)));
  }
});

test("of an image for several platforms the wanted one is loaded", async () => {
  const tar = await makeTar([{ name: "file", content: "x" }]);
  const images = {
    amd64: makeImage([tar], { architecture: "amd64" }),
    arm64: makeImage([tar], { architecture: "arm64" }),
  };
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: Object.entries(images).map(([architecture, image]) => ({
        mediaType: mediaTypes.ociManifest,
        digest: image.manifestDigest,
        size: image.manifest.length,
        platform: { os: "linux", architecture },
      })),
    }),
  );
  const directory = writeLayout(join(tmpDir(), "layout"), images);
  writeFileSync(join(directory, "blobs", sha256(index).replace(":", "/")), index);
  const top = (annotations: object | undefined): object => ({
    schemaVersion: 2,
    manifests: [{ mediaType: mediaTypes.ociIndex, digest: sha256(index), size: index.length, annotations }],
  });
  writeFileSync(
    join(directory, "index.json"),
    JSON.stringify(top({ "org.opencontainers.image.ref.name": "docker.io/library/multi:1" })),
  );
  const path = join(tmpDir(), "multi.tar");
  await run("tar", ["-C", directory, "-cf", path, "."]);
  for (const architecture of ["amd64", "arm64"] as const) {
    const { store } = await makeStore();
    const { images: loaded } = await store.load({ path }, { platform: `linux/${architecture}` });
    assert.deepEqual(loaded, [{ id: images[architecture].configDigest, references: ["multi:1"] }]);
  }
  const { store, dir } = await makeStore();
  await assert.rejects(
    store.load({ path }, { platform: "linux/s390x" }),
    fails("NO_MATCHING_PLATFORM", /no matching manifest for linux\/s390x/),
  );
  assertClean(dir);
  // A tag alone is no name.
  writeFileSync(
    join(directory, "index.json"),
    JSON.stringify(top({ "org.opencontainers.image.ref.name": "latest" })),
  );
  await run("tar", ["-C", directory, "-cf", path, "."]);
  const [unnamed] = (await store.load({ path }, { platform: "linux/arm64" })).images;
  assert.deepEqual(unnamed, { id: images.arm64.configDigest, references: [] });
});

test("archives that are cut, damaged or something else are refused, and leave nothing", async () => {
  const { one } = await twoImages();
  const { store } = await storeWith({ "one:1": one });
  const good = await saved(store, ["one:1"]);
  const { store: other, dir } = await makeStore();
  const name = "x.tar";
  const attempt = (bytes: Buffer): Promise<unknown> => other.load({ name, chunks: pieces(bytes, 4096) });
  await assert.rejects(attempt(Buffer.from("hello")), fails("IMAGE_INVALID", /x\.tar is no valid archive/));
  await assert.rejects(attempt(Buffer.alloc(0)), fails("IMAGE_INVALID", /x\.tar has no images/));
  await assert.rejects(
    attempt(good.subarray(0, good.length - 3000)),
    fails("IMAGE_INVALID", /is cut|is missing/),
  );
  const damaged = Buffer.from(good);
  const [layer = ""] = one.layers;
  const at = damaged.indexOf(one.blobs.get(layer) ?? "");
  damaged[at + 20] = (damaged[at + 20] ?? 0) ^ 1;
  await assert.rejects(attempt(damaged), fails("DIGEST_MISMATCH", /expected digest/));
  await assert.rejects(
    attempt(await makeTar([{ name: "etc/passwd", content: "x" }])),
    fails("IMAGE_INVALID", /neither manifest\.json nor index\.json/),
  );
  await assert.rejects(
    other.load({ path: "/not/there" }),
    fails("INVALID_ARGUMENT", /cannot read the archive/),
  );
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield good.subarray(0, 3000);
    throw new Error("the line is dead");
  };
  await assert.rejects(other.load({ name, chunks: broken() }), /the line is dead/);
  const cancelled = new AbortController();
  cancelled.abort();
  await assert.rejects(
    other.load({ name, chunks: pieces(good, 100) }, { signal: cancelled.signal }),
    fails("CANCELLED", /the load of x\.tar was cancelled/),
  );
  assert.deepEqual(await other.list(), []);
  assertClean(dir);
});

test("compressed archives that are cut or damaged are refused in words, by load and import, and leave nothing", async () => {
  const { one } = await twoImages();
  const { store } = await storeWith({ "one:1": one });
  const good = Buffer.concat([await saved(store, ["one:1"]), randomBytes(100_000)]);
  const { store: other, dir } = await makeStore();
  const path = join(tmpDir(), "x.tar");
  const forms = await compressedBy(["gzip", "zstd", "xz", "bzip2"], good);
  const cases: [string, Buffer, RegExp][] = [
    // Asks for a window of 1 GiB.
    [
      "window",
      Buffer.from("28b52ffd00a0010000", "hex"),
      /the zstd data needs a window of more than 134217728 bytes, which is not allowed/,
    ],
    ["tiny", Buffer.from("28b52ffd", "hex"), /the zstd data is cut/],
    // Asks for a dictionary of 4 GiB.
    [
      "dictionary",
      Buffer.from(
        "fd377a585a000004e6d6b4460200210128000000e6a011b3010000780000000045aeef83f8ee160a00011901a52c81cc1fb6f37d010000000004595a",
        "hex",
      ),
      /xz: .*Memory usage limit reached/,
    ],
  ];
  const words: Record<string, { cut: RegExp; damaged: RegExp }> = {
    gzip: { cut: /the gzip data is cut/, damaged: /the gzip data is damaged/ },
    zstd: { cut: /the zstd data is cut/, damaged: /the zstd data is damaged/ },
    xz: { cut: /xz: .*Unexpected end of input/, damaged: /xz: .*Compressed data is corrupt/ },
    bzip2: { cut: /bzip2: .*file ends unexpectedly/i, damaged: /bzip2: .*(data integrity|CRC)/i },
  };
  for (const [form, bytes] of Object.entries(forms)) {
    const { cut, damaged } = words[form] ?? { cut: /^$/, damaged: /^$/ };
    cases.push([`${form}, cut`, bytes.subarray(0, -40), cut]);
    const changed = Buffer.from(bytes);
    changed.fill(0xa5, bytes.length - 50_000, bytes.length - 49_000);
    cases.push([`${form}, damaged`, changed, damaged]);
  }
  for (const [what, bytes, message] of cases) {
    writeFileSync(path, bytes);
    const refused = (error: unknown): true => {
      assert.match((error as Error).message, /x\.tar is no valid archive: /, what);
      return fails("IMAGE_INVALID", message)(error);
    };
    await assert.rejects(other.load({ path }), refused, what);
    await assert.rejects(other.load({ name: "x.tar", chunks: pieces(bytes, 4096) }), refused, what);
    await assert.rejects(other.import(pieces(bytes, 4096), "x.tar", {}), refused, what);
    assertClean(dir);
  }
  assert.deepEqual(await other.list(), []);
});

test("without the program that decompresses an archive it is said which one to install", async () => {
  const { store, dir } = await makeStore();
  const { xz, bzip2 } = await compressedBy(["xz", "bzip2"], await makeTar([{ name: "f", content: "x" }]));
  const path = process.env.PATH;
  process.env.PATH = tmpDir();
  try {
    for (const [program, bytes] of Object.entries({ xz, bzip2 })) {
      const refused = fails(
        "FEATURE_UNAVAILABLE",
        new RegExp(`^a is compressed with ${program}, which is not installed$`),
      );
      const chunks = (): AsyncGenerator<Buffer> => pieces(bytes ?? Buffer.alloc(0), 100);
      await assert.rejects(store.load({ name: "a", chunks: chunks() }), refused);
      await assert.rejects(store.import(chunks(), "a", {}), refused);
    }
  } finally {
    process.env.PATH = path;
  }
  assertClean(dir);
});

test("a load can be cancelled while the archive is decompressed, and leaves nothing", async () => {
  const frame = Buffer.alloc(64 << 20);
  // What it is to become is 1 GiB of zeros.
  for (const [program, bytes] of Object.entries(await compressedBy(["zstd", "gzip", "bzip2"], frame))) {
    const { store, dir } = await makeStore();
    const path = join(tmpDir(), "zeros");
    writeFileSync(path, Buffer.concat(Array<Buffer>(16).fill(bytes)));
    const cancelled = new AbortController();
    const watcher = watch(join(dir, "ingest"), () => cancelled.abort());
    await assert.rejects(
      store.load({ path }, { signal: cancelled.signal }),
      fails("CANCELLED", /the load of .*zeros was cancelled/),
      program,
    );
    watcher.close();
    assertClean(dir);
  }
});
