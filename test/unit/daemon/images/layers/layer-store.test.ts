import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { constants, createGzip, gzipSync } from "node:zlib";
import { mediaTypes } from "../../../../../engine/daemon/images/oci/manifest.ts";
import { assertClean, filesIn, makeStore } from "../../../../fixtures/image-store.ts";
import { hexOf, makeImage, makeTar, sha256, writeLayout } from "../../../../fixtures/made-image.ts";
import { fails } from "../../../../support/fails-with.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

process.env.DOCKER_CONFIG = tmpDir();

test("zstd layers are read, in several frames and with skippable ones", async () => {
  const directory = tmpDir();
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
    const layout = writeLayout(join(directory, `${i}`), {
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
    const layout = writeLayout(join(directory, name), { x: makeImage([tar], { compress: () => form }) });
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
  // A member for each header and each piece of a file, then a footer: an empty member with a field that has
  // the TOC's offset (github.com/containerd/stargz-snapshotter, docs/estargz.md).
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
  // Frames, then skippable ones with the manifest and the footer (github.com/containers/storage,
  // pkg/chunked).
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
  const converted = statSync(join(dir, "layers", `${hexOf(sha256(tar))}.data`)).ino;
  await store.pull({ reference: `oci:${layout}:plain` });
  await assert.rejects(
    store.pull({ reference: `oci:${layout}:broken` }),
    fails("DIGEST_MISMATCH", /expected digest/),
  );
  assert.equal(statSync(join(dir, "layers", `${hexOf(sha256(tar))}.data`)).ino, converted);
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
  const directory = tmpDir();
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
  const layout = writeLayout(join(directory, "layout"), {
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
