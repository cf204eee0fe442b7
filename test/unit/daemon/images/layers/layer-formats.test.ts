import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { mediaTypes } from "../../../../../engine/daemon/images/oci/manifest.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { assertClean, makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, writeLayout } from "../../../../fixtures/made-image.ts";
import { type Registry, startRegistry } from "../../../../fixtures/registry.ts";
import { needPrograms, runTool } from "../../../../support/host.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { compareLayout, privileged } from "../rootfs/against-umoci.ts";

const rootOnly = { skip: !privileged && "owners need root" };
let registry: Registry;
let tars: Buffer[];

before(async () => {
  await needPrograms({ umoci: "umoci", skopeo: "skopeo", zstd: "zstd", "fsck.erofs": "erofs-utils" });
  registry = await startRegistry({ writable: true });
  const at = { mtime: new Date("2021-01-02T03:04:05Z") };
  const toc = JSON.stringify({ version: 1, entries: [] });
  tars = [
    await makeTar([
      { name: "./", type: "directory", ...at },
      { name: "d/", type: "directory", mode: 0o750, uid: 70_000, ...at },
      { name: "d/large", content: randomBytes(300_000), ...at },
      { name: "d/small", content: "small", mode: 0o4755, ...at },
      { name: "gone", content: "x", ...at },
      // What an eStargz layer has beside its files; ordinary files for whoever reads it as an ordinary layer.
      { name: ".prefetch.landmark", content: Buffer.from([0xf]), ...at },
      { name: "stargz.index.json", content: toc, ...at },
    ]),
    await makeTar([
      { name: ".wh.gone", content: "", ...at },
      { name: "again", type: "link", linkname: "d/large", ...at },
      { name: "upper", content: randomBytes(200_000), ...at },
      { name: "stargz.index.json", content: toc, ...at },
    ]),
  ];
});
after(() => registry?.stop());

/** Pieces as both forms have them: a header by itself, files in parts. */
function pieces(tar: Buffer): Buffer[] {
  const ends = [512, 1024, 1500, 70_000, 140_000, tar.length - 2000, tar.length];
  return ends.map((end, i) => tar.subarray(ends[i - 1] ?? 0, end));
}

/**
 * An empty member with the TOC's offset in an extra field (github.com/containerd/stargz-snapshotter,
 * docs/estargz.md).
 */
const stargzFooter = Buffer.concat([
  Buffer.from("1f8b08040000000000001a0053471600", "hex"),
  Buffer.from("0000000000000200STARGZ"),
  Buffer.from("010000ffff0000000000000000", "hex"),
]);

const zstd = (bytes: Buffer): Buffer => execFileSync("zstd", ["-q", "-c"], { input: bytes });

function skippable(bytes: Buffer, kind = 0): Buffer {
  const head = Buffer.from("502a4d1800000000", "hex");
  head[0] = 0x50 + kind;
  head.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

const forms: [name: string, compress: (tar: Buffer) => Buffer, mediaType: string][] = [
  ["plain", (tar) => tar, mediaTypes.ociLayer],
  [
    "gzip-members",
    (tar) => Buffer.concat(pieces(tar).map((piece) => gzipSync(piece))),
    mediaTypes.ociLayerGzip,
  ],
  [
    "estargz",
    (tar) => Buffer.concat([...pieces(tar).map((piece) => gzipSync(piece)), stargzFooter]),
    mediaTypes.ociLayerGzip,
  ],
  [
    "zstd-frames",
    (tar) =>
      Buffer.concat([
        skippable(randomBytes(1000), 15),
        ...pieces(tar).flatMap((piece, i) => [zstd(piece), skippable(randomBytes(i * 100), i)]),
      ]),
    `${mediaTypes.ociLayer}+zstd`,
  ],
];

for (const [name, compress, mediaType] of forms)
  test(
    `layers as ${name} come from a real registry as the tree that umoci makes of them`,
    rootOnly,
    async () => {
      const plain = writeLayout(join(tmpDir(), "plain"), { x: makeImage(tars) });
      const layout = writeLayout(join(tmpDir(), "layout"), { x: makeImage(tars, { compress, mediaType }) });
      const reference = `${registry.host}/formats/${name}:1`;
      await runTool("skopeo", [
        ...["--insecure-policy", "copy", "-q", "--preserve-digests", "--dest-tls-verify=false"],
        ...[`oci:${layout}:x`, `docker://${reference}`],
      ]);
      await compareLayout(plain, { reference, entries: 8 });
    },
  );

test(
  "layers that skopeo made zstd:chunked come from a real registry as the same tree",
  rootOnly,
  async () => {
    const plain = writeLayout(join(tmpDir(), "plain"), { x: makeImage(tars) });
    const reference = `${registry.host}/formats/chunked:1`;
    await runTool("skopeo", [
      ...[
        "--insecure-policy",
        "copy",
        "-q",
        "--dest-tls-verify=false",
        "--dest-compress-format",
        "zstd:chunked",
      ],
      ...[`oci:${plain}:x`, `docker://${reference}`],
    ]);
    const response = await fetch(`http://${registry.host}/v2/formats/chunked/manifests/1`, {
      headers: { accept: mediaTypes.ociManifest },
    });
    const manifest = (await response.json()) as { layers: { mediaType: string; annotations?: object }[] };
    for (const { mediaType, annotations = {} } of manifest.layers) {
      assert.equal(mediaType, `${mediaTypes.ociLayer}+zstd`);
      assert.ok(
        Object.keys(annotations).some((key) => key.includes("zstd-chunked")),
        JSON.stringify(annotations),
      );
    }
    await compareLayout(plain, { reference, entries: 8 });
  },
);

test("each of several layers, in whatever form, goes on where it was cut", rootOnly, async () => {
  const plain = writeLayout(join(tmpDir(), "plain"), { x: makeImage(tars) });
  for (const [name, compress, mediaType] of forms) {
    const cutting = await FakeRegistry.start();
    const image = makeImage(tars, { compress, mediaType });
    const reference = cutting.add("app", name, image);
    const cut = new Set<string>();
    cutting.behave = (request, response) => {
      const digest = image.layers.find((layer) => request.url?.endsWith(layer));
      if (digest === undefined || cut.has(digest)) return false;
      cut.add(digest);
      const blob = cutting.blobs.get(digest) ?? Buffer.alloc(0);
      response.setHeader("content-length", blob.length);
      response.write(blob.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
      return true;
    };
    const { store, dir } = await makeStore();
    await store.pull({ reference });
    assertClean(dir);
    assert.equal(cut.size, 2);
    for (const layer of image.layers) {
      const [first, second, ...more] = cutting.fetches(layer).map(({ range }) => range);
      assert.deepEqual([first, more], [undefined, []], name);
      assert.match(second ?? "", /^bytes=[1-9][0-9]*-$/, name);
    }
    cutting.behave = () => false;
    await compareLayout(plain, { reference, entries: 8 });
  }
});
