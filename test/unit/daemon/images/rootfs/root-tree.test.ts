import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { UnpackProgress } from "../../../../../engine/protocol/vm.ts";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { fixtureImage, type ImageName } from "../../../../fixtures/index.ts";
import { type Entry, makeImage, makeTar, writeLayout } from "../../../../fixtures/made-image.ts";
import { snapshot, withDisk } from "../../../../support/image-tree.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { compareLayers, compareLayout, privileged } from "./against-umoci.ts";

const run = promisify(execFile);

for (const [name, entries] of [
  ["busybox", 100],
  ["owners", 100],
  ["debian", 5000],
] as [ImageName, number][])
  test(`the root of ${name} is the same as umoci's, as a disk and as a directory`, async () => {
    await compareLayout(await fixtureImage(name), { tag: "latest", entries });
  });

test("the root of an image of everything that is hard is the same as umoci's", {
  skip: !privileged && "owners and devices need root",
}, async () => {
  const at = { mtime: new Date("2021-01-02T03:04:05Z") };
  const many: Entry[] = Array.from({ length: 3000 }, (_, i) => ({
    name: `many/${"n".repeat(i % 200)}-${i}`,
    content: `${i}`,
    ...at,
  }));
  const lower: Entry[] = [
    { name: "./", type: "directory", mode: 0o711, ...at },
    { name: "many/", type: "directory", ...at },
    ...many,
    { name: "block/", type: "directory", ...at },
    // A directory of exactly one block, and one of a byte more: entries take 12 bytes and their name, the
    // dots 27 together.
    ...["a", "b"].flatMap((directory, more) => [
      { name: `block/${directory}/`, type: "directory" as const, ...at },
      ...Array.from({ length: 17 }, (_, i) => ({
        name: `block/${directory}/${String(i).padStart(2, "0")}${"x".repeat(i === 16 ? 23 + more : 238)}`,
        content: "",
        ...at,
      })),
    ]),
    { name: "links/", type: "directory", mode: 0o1777, uid: 70_000, gid: 80_000, ...at },
    { name: "links/long", type: "symlink", linkname: "l".repeat(4000), ...at },
    { name: "links/short", type: "symlink", linkname: "/", ...at },
    { name: "links/file", content: "one", mode: 0o4755, uid: 1000, gid: 1000, ...at },
    { name: "links/again", type: "link", linkname: "links/file", ...at },
    { name: "dev/", type: "directory", ...at },
    { name: "dev/null", type: "character-device", devmajor: 1, devminor: 3, mode: 0o666, ...at },
    { name: "dev/big", type: "block-device", devmajor: 259, devminor: 70_000, mode: 0o600, ...at },
    { name: "dev/pipe", type: "fifo", mode: 0o600, ...at },
    { name: "sizes/", type: "directory", ...at },
    ...[0, 1, 4095, 4096, 4097, 70_000, 3_000_000].map((size) => ({
      name: `sizes/${size}`,
      content: Buffer.alloc(size, size % 256),
      ...at,
    })),
    { name: "gone/", type: "directory", ...at },
    { name: "gone/x", content: "x", ...at },
    { name: "emptied/", type: "directory", ...at },
    { name: "emptied/x", content: "x", ...at },
    { name: "to-file/", type: "directory", ...at },
    { name: "to-file/x", content: "x", ...at },
    { name: "to-directory", content: "x", ...at },
    {
      name: "attributes",
      content: "x",
      pax: {
        "SCHILY.xattr.user.key": "value",
        "SCHILY.xattr.trusted.t": "1",
        "SCHILY.xattr.security.any": "s",
      },
      ...at,
    },
    {
      name: "attributes-dir/",
      type: "directory",
      pax: { "SCHILY.xattr.user.long": "v".repeat(3000) },
      ...at,
    },
    {
      name: "capable",
      content: "x",
      mode: 0o755,
      // cap_net_raw+ep, as setcap writes it.
      pax: { "SCHILY.xattr.security.capability": `\u0001\0\0\u0002\0 ${"\0".repeat(14)}` },
      ...at,
    },
    { name: "n".repeat(255), content: "x", ...at },
    { name: `${"d".repeat(255)}/`, type: "directory", ...at },
    { name: `${"d".repeat(255)}/${"f".repeat(255)}`, content: "x".repeat(5000), ...at },
    { name: "same-1", content: "x".repeat(5000), uid: 5, ...at },
    { name: "same-2", content: "x".repeat(5000), uid: 6, ...at },
    { name: "before-epoch", content: "x", pax: { mtime: "-1000.5" } },
    { name: "nanoseconds", content: "x", pax: { mtime: "1700000000.123456789" } },
  ];
  const upper: Entry[] = [
    { name: "./", type: "directory", mode: 0o755, ...at },
    { name: ".wh.gone", content: "", ...at },
    { name: "emptied/", type: "directory", mode: 0o700, ...at },
    { name: "emptied/.wh..wh..opq", content: "", ...at },
    { name: "emptied/y", content: "y", ...at },
    { name: "to-file", content: "file", ...at },
    { name: "to-directory/", type: "directory", ...at },
    { name: "to-directory/x", content: "x", ...at },
    { name: "links/", type: "directory", mode: 0o1777, uid: 70_000, gid: 80_000, ...at },
    { name: "links/third", type: "link", linkname: "links/file", ...at },
    { name: "many/", type: "directory", ...at },
    { name: "many/.wh.-0", content: "", ...at },
  ];
  await compareLayers([await makeTar(lower), await makeTar(upper)], { entries: 3000 });
});

test("a file over 4 GiB that is nearly all hole takes no room", {
  skip: !privileged && "mounting needs root",
}, async () => {
  const directory = tmpDir();
  const size = 5 * 2 ** 30;
  const sparse = join(directory, "sparse");
  writeFileSync(sparse, "begin");
  truncateSync(sparse, size);
  writeFileSync(sparse, "end", { flag: "a" });
  const tarPath = join(directory, "sparse.tar");
  await run("tar", ["--sparse", "--format=pax", "-C", directory, "-cf", tarPath, "sparse"]);
  const layout = writeLayout(join(directory, "layout"), {
    x: makeImage([readFileSync(tarPath)]),
  });
  const { store, dir } = await makeStore();
  const { id } = await store.pull({ reference: `oci:${layout}` });
  const disk = await store.rootDisk(id);
  const { stdout } = await run("du", ["-sm", dir]);
  assert.ok(Number(stdout.split("\t")[0]) < 5, stdout);
  await withDisk(disk, tmpDir(), async (root) => {
    const file = await open(join(root, "sparse"));
    try {
      assert.equal((await file.stat()).size, size + 3);
      const piece = Buffer.alloc(4096);
      const at = async (position: number): Promise<string> => {
        const { bytesRead } = await file.read(piece, 0, piece.length, position);
        return piece.toString("latin1", 0, bytesRead).replaceAll("\0", "");
      };
      assert.equal(await at(0), "begin");
      assert.equal(await at(2 ** 32), "");
      assert.equal(await at(size - 10), "end");
    } finally {
      await file.close();
    }
  });
  const unpacked = await store.rootDirectory(id);
  const { stdout: folderSize } = await run("du", ["-sm", unpacked]);
  assert.ok(Number(folderSize.split("\t")[0]) < 5, folderSize);
  assert.equal(statSync(join(unpacked, "sparse")).size, size + 3);
});

test("who waits for an unpacking is told how far it is, each file once, and of no other", async () => {
  const content = randomBytes(1000);
  const tar = await makeTar([
    { name: "a", content },
    { name: "again", type: "link", linkname: "a" },
    { name: "b", content: "b" },
  ]);
  const { store } = await makeStore();
  const layout = writeLayout(join(tmpDir(), "layout"), { files: makeImage([tar]) });
  const { id } = await store.pull({ reference: `oci:${layout}` });
  const told: UnpackProgress[][] = [[], [], []];
  const unpack = (index: number) => store.rootDirectory(id, (progress) => told[index]?.push(progress));
  await Promise.all([unpack(0), unpack(1)]);
  await unpack(2);
  const last = { currentBytes: 1001, totalBytes: 1001 };
  assert.deepEqual(
    told.map((all) => all.at(-1)),
    [last, last, undefined],
  );
});

test("names that are not UTF-8 keep their bytes", {
  skip: !privileged && "mounting needs root",
}, async () => {
  const tar = await makeTar([{ name: "AB", content: "x" }]);
  tar.set([0xff, 0xfe], 0);
  const sum = tar.subarray(0, 512).reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  tar.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  const { store } = await makeStore();
  const layout = writeLayout(join(tmpDir(), "layout"), { bytes: makeImage([tar]) });
  const { id } = await store.pull({ reference: `oci:${layout}` });
  const name = Buffer.from([0x2f, 0xff, 0xfe]);
  const directory = await store.rootDirectory(id);
  assert.equal(readFileSync(Buffer.concat([Buffer.from(directory), name]), "utf8"), "x");
  await withDisk(await store.rootDisk(id), tmpDir(), async (dir) =>
    assert.equal(readFileSync(Buffer.concat([Buffer.from(dir), name]), "utf8"), "x"),
  );
});

test("images that share layers share their data, and a chain has one disk", async () => {
  const shared = await makeTar([{ name: "shared", content: "x".repeat(10_000) }]);
  const own = await makeTar([{ name: "own", content: "y" }]);
  const layout = writeLayout(join(tmpDir(), "layout"), {
    one: makeImage([shared]),
    two: makeImage([shared, own]),
    again: makeImage([shared], { config: { Cmd: ["other"] } }),
  });
  const { store } = await makeStore();
  const disks = [];
  for (const name of ["one", "two", "again"])
    disks.push(await store.rootDisk((await store.pull({ reference: `oci:${layout}:${name}` })).id));
  const [one, two, again] = disks;
  assert.deepEqual(again, one);
  assert.equal(two?.files[1], one?.files[1]);
  assert.equal(two?.files.length, 3);
  // A layer that is hidden altogether is no part of the disk.
  const hidden = makeImage([shared, await makeTar([{ name: ".wh.shared", content: "" }])]);
  const third = writeLayout(join(tmpDir(), "layout"), { hidden });
  const disk = await store.rootDisk((await store.pull({ reference: `oci:${third}` })).id);
  assert.equal(disk.files.length, 1);
});

test("an image without layers has an empty root", async () => {
  const { store } = await makeStore();
  const { id } = await store.pull({
    reference: `oci:${writeLayout(join(tmpDir(), "layout"), { scratch: makeImage([]) })}`,
  });
  assert.deepEqual((await snapshot(await store.rootDirectory(id))).length, 1);
  await withDisk(await store.rootDisk(id), tmpDir(), async (dir) =>
    assert.equal((await snapshot(dir)).length, 1),
  );
});

test("what a crash of the machine may have damaged is made again from the blobs", async () => {
  const { store, dir } = await makeStore();
  const layout = writeLayout(join(tmpDir(), "layout"), {
    x: makeImage([await makeTar([{ name: "a", content: "precious" }])]),
  });
  const { id } = await store.pull({ reference: `oci:${layout}` });
  const disk = await store.rootDisk(id);
  const directory = await store.rootDirectory(id);
  const stem = disk.path.replace(/^.*\/|\.vmdk$/g, "");
  const marks = ["layers", "roots", "rootfs"].map((name) => join(dir, name, `${stem}.synced`));
  while (!marks.every(existsSync)) await sleep(20);
  // As if another boot had left them, not flushed yet.
  for (const file of [...disk.files, disk.path]) truncateSync(file, 0);
  for (const mark of marks) rmSync(mark);
  writeFileSync(join(dir, "boot"), "another");
  const { store: next } = await makeStore({ dir });
  assert.equal(existsSync(directory), false);
  await withDisk(await next.rootDisk(id), tmpDir(), async (root) =>
    assert.equal(readFileSync(join(root, "a"), "utf8"), "precious"),
  );
  assert.equal(readFileSync(join(await next.rootDirectory(id), "a"), "utf8"), "precious");
});
