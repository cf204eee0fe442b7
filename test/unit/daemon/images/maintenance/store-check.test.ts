import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ImageStore } from "../../../../../engine/daemon/images/image-store.ts";
import type { Digest } from "../../../../../engine/docker/digest.ts";
import type { MockerError } from "../../../../../engine/protocol/errors.ts";
import { FakeRegistry } from "../../../../fixtures/fake-registry.ts";
import { filesIn, makeStore } from "../../../../fixtures/image-store.ts";
import {
  hexOf,
  makeImage,
  makeTar,
  sha256,
  type TestImage,
  writeLayout,
} from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

interface Damaged {
  store: ImageStore;
  dir: string;
  image: TestImage;
  reference: string;
  diffIds: Digest[];
  chain: string;
}

/** A store with an image of two layers from a registry, its disk and its directory. */
async function store(): Promise<Damaged> {
  const registry = await FakeRegistry.start();
  const tars = [
    await makeTar([{ name: "lower", content: "l".repeat(9000) }]),
    await makeTar([
      { name: "upper", content: "u".repeat(5000) },
      { name: "link", type: "symlink", linkname: "upper" },
    ]),
  ];
  const image = makeImage(tars);
  const reference = registry.add("app", "x", image);
  const made = await makeStore();
  await made.store.pull({ reference });
  await made.store.rootDirectory(reference);
  const [chain = ""] = readdirSync(join(made.dir, "rootfs")).filter((name) => !name.includes("."));
  return { ...made, image, reference, diffIds: tars.map(sha256), chain };
}

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 0xff;
  writeFileSync(path, bytes);
}

test("a sound store has no problems, however closely it is looked at", async () => {
  const { store: images } = await store();
  for (const deep of [false, true]) {
    const { problems, checked } = await images.check({ deep });
    assert.deepEqual(problems, []);
    assert.deepEqual(checked, { images: 1, blobs: 4, layers: 2, roots: 1, vms: 0 });
  }
});

/** Name of the damage, what does it, whether only --deep sees it, what is said, whether repair mends it. */
const damages: [string, (damaged: Damaged) => void, deep: boolean, RegExp, repaired: boolean][] = [
  [
    "a layer's blob is missing",
    ({ dir, image }) => rmSync(join(dir, "blobs/sha256", hexOf(image.layers[0] ?? ""))),
    false,
    /^blob sha256:[0-9a-f]{64} of .*\/app:x is missing: Run: mocker pull .*\/app:x$/,
    false,
  ],
  [
    "a layer's blob is cut",
    ({ dir, image }) => truncateSync(join(dir, "blobs/sha256", hexOf(image.layers[1] ?? "")), 10),
    false,
    /^blob .* has 10 bytes instead of/,
    false,
  ],
  [
    "a layer's blob has other contents",
    ({ dir, image }) => flip(join(dir, "blobs/sha256", hexOf(image.layers[1] ?? ""))),
    true,
    /^blob .* has other contents than its digest says: (Removed\. )?Run: mocker pull/,
    false,
  ],
  [
    "the configuration is missing",
    ({ dir, image }) => rmSync(join(dir, "blobs/sha256", hexOf(image.configDigest))),
    false,
    /^blob .* \(configuration\) of .* is missing/,
    false,
  ],
  [
    "the manifest has other contents",
    ({ dir, image }) => flip(join(dir, "blobs/sha256", hexOf(image.manifestDigest))),
    false,
    /^blob .* \(manifest\) of .* has other contents/,
    false,
  ],
  [
    "a converted layer has no data",
    ({ dir, diffIds }) => rmSync(join(dir, "layers", `${hexOf(diffIds[0] ?? "")}.data`)),
    false,
    /^converted layer [0-9a-f]{12} \(.*, layer 1 of 2\) has no data/,
    true,
  ],
  [
    "a converted layer's index is damaged",
    ({ dir, diffIds }) => writeFileSync(join(dir, "layers", `${hexOf(diffIds[0] ?? "")}.index`), "x"),
    false,
    /has a damaged index/,
    true,
  ],
  [
    "a converted layer's data has other contents",
    ({ dir, diffIds }) => flip(join(dir, "layers", `${hexOf(diffIds[1] ?? "")}.data`)),
    true,
    /has other data than its blob makes/,
    true,
  ],
  [
    "a root disk's descriptor is damaged",
    ({ dir, chain }) => appendFileSync(join(dir, "roots", `${chain}.vmdk`), "x"),
    false,
    /^root disk [0-9a-f]{12} of .* its descriptor is damaged/,
    true,
  ],
  [
    "a root disk's metadata is cut",
    ({ dir, chain }) => truncateSync(join(dir, "roots", `${chain}.erofs`), 100),
    false,
    /its metadata is cut/,
    true,
  ],
  [
    "a root disk's metadata has other contents",
    ({ dir, chain }) => flip(join(dir, "roots", `${chain}.erofs`)),
    true,
    /its metadata has other contents/,
    true,
  ],
  [
    "an unpacked file has other contents",
    ({ dir, chain }) => flip(join(dir, "rootfs", chain, "upper")),
    true,
    /^unpacked root .* \/upper has other contents/,
    true,
  ],
  [
    "an unpacked file is missing",
    ({ dir, chain }) => rmSync(join(dir, "rootfs", chain, "link")),
    true,
    /\/link is missing/,
    true,
  ],
  [
    "index.json lies",
    ({ dir }) => writeFileSync(join(dir, "index.json"), '{"schemaVersion":2,"manifests":[]}'),
    false,
    /^layout .* does not list the images/,
    true,
  ],
];

const line = ({ subject, problem, hint }: { subject: string; problem: string; hint: string }): string =>
  `${subject} ${problem}: ${hint}`;

for (const [what, damage, deep, message, mends] of damages) {
  test(`found: ${what}`, async () => {
    const damaged = await store();
    damage(damaged);
    const { store: images, reference } = damaged;
    if (deep) assert.deepEqual((await images.check()).problems, [], "seen without reading everything");
    const found = (await images.check({ deep })).problems;
    assert.match(found.map(line).join("\n"), message);
    assert.equal(
      found.some(({ repaired }) => repaired),
      false,
    );
    const repaired = (await images.check({ deep, repair: true })).problems;
    assert.equal(
      repaired.every((problem) => problem.repaired),
      mends,
      repaired.map(line).join("\n"),
    );
    // What only a registry has comes from there, by the command that was named.
    if (!mends) await images.pull({ reference });
    assert.deepEqual((await images.check({ deep: true })).problems.map(line), []);
    assert.deepEqual(filesIn(await images.rootDirectory(reference)), ["lower", "upper"]);
    assert.ok((await images.rootDisk(reference)).files.every(existsSync));
  });
}

test("a damaged record is made again, with its names, from what else there is", async () => {
  const { dir, image, reference, store: first } = await store();
  await first.tag(reference, "also:this");
  const before = await first.get(reference);
  const record = join(dir, "records", `${hexOf(image.configDigest)}.json`);
  writeFileSync(record, "{");
  const { store: images } = await makeStore({ dir, keepUnfinishedMs: 0 });
  assert.match((await images.check()).problems.map(line).join("\n"), /^record .* is damaged: Run:/);
  await assert.rejects(images.get(reference));
  assert.deepEqual(
    (await images.check({ repair: true })).problems.map(({ repaired }) => repaired),
    [true],
  );
  assert.deepEqual((await images.check({ deep: true })).problems, []);
  assert.deepEqual(await images.get(reference), { ...before, repoDigests: [] });

  // Without the configuration nothing can be made; nothing else is lost.
  writeFileSync(record, "{");
  rmSync(join(dir, "blobs/sha256", hexOf(image.configDigest)));
  const { store: lost } = await makeStore({ dir, keepUnfinishedMs: 0 });
  const found = (await lost.check({ repair: true })).problems.map(line).join("\n");
  assert.match(found, /is damaged, and the rest of the image is not there .*Pull the image again/);
  await lost.pull({ reference });
  assert.deepEqual((await lost.check({ deep: true })).problems, []);
});

test("what belongs to no image is noted, and removed by repair", async () => {
  const { dir, store: images } = await store();
  const stray = Buffer.from("stray");
  writeFileSync(join(dir, "blobs/sha256", hexOf(sha256(stray))), stray);
  writeFileSync(join(dir, "layers", `${"1".repeat(64)}.index`), "x");
  writeFileSync(join(dir, "layers", "notes.txt"), "x");
  writeFileSync(join(dir, "ingest", "layer-1.1-1.tmp-data"), "x");
  writeFileSync(join(dir, "ingest", `sha256-${"2".repeat(64)}.partial`), "x");
  const { problems } = await images.check();
  assert.deepEqual([...new Set(problems.map(({ severity }) => severity))], ["note"]);
  const text = problems.map(line).join("\n");
  for (const wanted of [
    new RegExp(`^blob ${sha256(stray)} belongs to no image`, "m"),
    /^layer sha256:1{64} belongs to no image/m,
    /^file .*notes\.txt is none of Mocker's/m,
    /^file .*tmp-data was left by an engine that ended/m,
    /^download sha256:2{64} was not ended/m,
  ])
    assert.match(text, wanted);
  await images.check({ repair: true });
  const left = (await images.check()).problems.map(line).join("\n");
  assert.match(left, /^file .*notes\.txt.*\ndownload/);
  assert.doesNotMatch(left, /belongs to no image|ended: Run/);
  const { reclaimedBytes } = await images.prune({
    all: false,
    filters: {},
    inUse: () => [],
    parseTime: Number,
  });
  assert.ok(reclaimedBytes > 0);
  assert.doesNotMatch((await images.check()).problems.map(line).join("\n"), /download/);
});

test("the directory that a running VM stands on is left where it is", async () => {
  const { dir, chain, image, store: images } = await store();
  flip(join(dir, "rootfs", chain, "upper"));
  const running = new Set([image.configDigest]);
  const [problem] = (await images.check({ deep: true, repair: true, running })).problems;
  assert.equal(problem?.repaired, false);
  assert.match(problem?.hint ?? "", /^Stop the VMs/);
  assert.ok(existsSync(join(dir, "rootfs", chain)));
});

test("a store has one engine: the second is told", async () => {
  const { dir, store: first } = await store();
  const { ImageStore } = await import("../../../../../engine/daemon/images/image-store.ts");
  const native = await import("../../../../../native/index.ts");
  const second = new ImageStore({
    dir,
    native,
    helloPath: "/none",
    log: { info: () => {}, warn: () => {} },
  });
  await assert.rejects(second.recover(), (error: MockerError) => {
    assert.equal(error.code, "STORE_LOCKED");
    assert.match(error.message, /is used by another engine$/);
    return true;
  });
  first.close();
  await second.recover();
  assert.equal(second.count(), 1);
  second.close();
});

test("after a crash between the two halves of a tag's move the newer image has it", async () => {
  const { dir, store: images, image, reference } = await store();
  const layout = writeLayout(join(tmpDir(), "layout"), {
    other: makeImage([await makeTar([{ name: "x", content: "x" }])]),
  });
  const { id } = await images.pull({ reference: `oci:${layout}:other` });
  const old = readFileSync(join(dir, "records", `${hexOf(image.configDigest)}.json`));
  await images.tag(id, reference);
  writeFileSync(join(dir, "records", `${hexOf(image.configDigest)}.json`), old);
  const { store: next } = await makeStore({ dir });
  assert.equal((await next.get(reference)).id, id);
  assert.deepEqual((await next.get(image.configDigest)).repoTags, []);
  assert.deepEqual((await next.check({ deep: true })).problems, []);
});

test("what a repair throws away is gone at once, the mark of its flush first", async () => {
  const registry = await FakeRegistry.start();
  const tar = await makeTar([{ name: "large", content: Buffer.alloc(3 << 20, "x") }]);
  const reference = registry.add("app", "x", makeImage([tar]));
  const { store, dir } = await makeStore();
  await store.pull({ reference });
  const hex = hexOf(sha256(tar));
  const parts = { layers: ["index", "data"], roots: ["vmdk", "json", "erofs"] };
  const there = (): string[] =>
    Object.entries(parts).flatMap(([directory, suffixes]) =>
      [...suffixes, "synced"].filter((suffix) => existsSync(join(dir, directory, `${hex}.${suffix}`))),
    );
  for (const directory of Object.keys(parts)) writeFileSync(join(dir, directory, `${hex}.synced`), "");
  const whole = there();
  assert.equal(whole.length, 7);
  appendFileSync(join(dir, "layers", `${hex}.data`), "too much");
  const seen = new Set<string>();
  let over = false;
  const check = store.check({ repair: true }).finally(() => {
    over = true;
  });
  while (!over) {
    seen.add(there().join(" "));
    await new Promise(setImmediate);
  }
  await check;
  assert.deepEqual([...seen], [whole.join(" "), ""]);
});

test("an unpacked root that is thrown away takes the mark of its flush along", async () => {
  const registry = await FakeRegistry.start();
  const tar = await makeTar([{ name: "file", content: "x" }]);
  const { store, dir } = await makeStore();
  const reference = registry.add("app", "x", makeImage([tar]));
  await store.pull({ reference });
  const directory = await store.rootDirectory(reference);
  writeFileSync(`${directory}.synced`, "");
  writeFileSync(join(directory, "file"), "other");
  await store.check({ deep: true, repair: true });
  assert.deepEqual(readdirSync(join(dir, "rootfs")), []);
});
