import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { makeImage, makeTar, writeLayout } from "../../../../fixtures/made-image.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const flips = 12;

/** Which files of a store, and what a deep check calls them. */
const kinds: [string, directory: string, name: RegExp, subject: RegExp][] = [
  ["a blob (layer, configuration or manifest)", "blobs/sha256", /./, /^blob sha256:/],
  ["a layer's data", "layers", /\.data$/, /^converted layer /],
  ["a layer's index", "layers", /\.index$/, /^converted layer /],
  ["a root disk's metadata", "roots", /\.erofs$/, /^root disk /],
  ["a root disk's descriptor", "roots", /\.vmdk$/, /^root disk /],
  ["a root disk's record", "roots", /^[0-9a-f]+\.json$/, /^root disk /],
  ["a record", "records", /\.json$/, /^record /],
  ["the list of images for other tools", ".", /^index\.json$/, /^layout /],
  ["an unpacked file", "rootfs", /./, /^unpacked root /],
];

test("a deep check finds any bit that changed, in whatever file, and names that file's part of the store", async () => {
  const { store, dir } = await makeStore();
  const layout = writeLayout(join(tmpDir(), "layout"), {
    x: makeImage([
      await makeTar([
        { name: "large", content: randomBytes(9000) },
        { name: "hole", content: Buffer.concat([randomBytes(100), Buffer.alloc(200_000), randomBytes(50)]) },
        ...Array.from({ length: 40 }, (_, i) => ({ name: `d/${i}`, content: `small ${i}` })),
      ]),
      await makeTar([
        { name: "upper", content: randomBytes(5000), pax: { "SCHILY.xattr.user.key": "value" } },
        { name: "d/link", type: "symlink", linkname: "7" },
      ]),
    ]),
  });
  const { id } = await store.pull({ reference: `oci:${layout}:x` });
  await store.rootDisk(id);
  await store.rootDirectory(id);
  assert.deepEqual((await store.check({ deep: true })).problems, []);
  for (const [what, directory, name, subject] of kinds) {
    const files = readdirSync(join(dir, directory), {
      withFileTypes: true,
      recursive: directory === "rootfs",
    })
      .filter(
        (entry) =>
          entry.isFile() &&
          name.test(entry.name) &&
          !/\.synced$/.test(directory === "roots" || directory === "rootfs" ? entry.name : ""),
      )
      .map((entry) => join(entry.parentPath, entry.name));
    assert.ok(files.length > 0, what);
    for (let round = 0; round < flips; round++) {
      const path = files[randomInt(files.length)] ?? "";
      const sound = readFileSync(path);
      const at = randomInt(sound.length);
      const bit = randomInt(8);
      const damaged = Buffer.from(sound);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
      writeFileSync(path, damaged);
      const { problems } = await store.check({ deep: true });
      const found = problems.map((problem) => problem.subject);
      assert.ok(
        found.some((text) => subject.test(text)),
        `${what}: bit ${bit} of byte ${at} of ${sound.length} in ${path}: ${found.join("; ") || "not found"}`,
      );
      writeFileSync(path, sound);
    }
  }
  assert.deepEqual((await store.check({ deep: true })).problems, []);
});

test("a record that is damaged under the engine is written again; one that the next engine finds is made again", async () => {
  const { store, dir } = await makeStore();
  const layout = writeLayout(join(tmpDir(), "layout"), {
    x: makeImage([await makeTar([{ name: "a", content: "a" }])]),
  });
  const { id } = await store.pull({ reference: `oci:${layout}:x` });
  await store.tag(id, "named:good");
  const path = join(dir, "records", readdirSync(join(dir, "records"))[0] ?? "");
  const before = readFileSync(path, "utf8");
  // Still a record, by its form: only its checksum tells.
  const changed = before.replace("named:good", "named:goof");
  assert.notEqual(changed, before);
  writeFileSync(path, changed);
  const [problem] = (await store.check()).problems;
  assert.match(`${problem?.subject} ${problem?.problem}`, /^record of .* is damaged$/);
  assert.equal((await store.check({ repair: true })).problems[0]?.repaired, true);
  assert.deepEqual((await store.check({ deep: true })).problems, []);
  assert.ok(readFileSync(path, "utf8").includes("named:good"));

  writeFileSync(path, changed);
  const { store: next } = await makeStore({ dir, keepUnfinishedMs: 0 });
  assert.match((await next.check()).problems[0]?.subject ?? "", /^record /);
  await next.check({ repair: true });
  assert.deepEqual((await next.get(id)).repoTags, ["layout:x", "named:good"]);

  // Earlier versions of Mocker wrote none.
  const { checksum, ...old } = JSON.parse(readFileSync(path, "utf8"));
  assert.match(checksum, /^[0-9a-f]{64}$/);
  writeFileSync(path, `${JSON.stringify({ ...old, version: 1 })}\n`);
  const { store: later } = await makeStore({ dir });
  assert.deepEqual((await later.get(id)).repoTags, ["layout:x", "named:good"]);
  assert.deepEqual((await later.check({ deep: true })).problems, []);
});
