import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import type { ImageStore } from "../../../../../engine/daemon/images/image-store.ts";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { type Entry, makeImage, makeTar, writeLayout } from "../../../../fixtures/made-image.ts";
import { needPrograms } from "../../../../support/host.ts";
import { withDisk } from "../../../../support/image-tree.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { compareLayers, privileged } from "./against-umoci.ts";

const run = promisify(execFile);
const rootOnly = { skip: !privileged && "mounting and owners need root" };

before(() => needPrograms({ "fsck.erofs": "erofs-utils", umoci: "umoci", getfattr: "attr" }));

async function pull(...tars: Buffer[]): Promise<{ store: ImageStore; dir: string; id: string }> {
  const made = await makeStore();
  const layout = writeLayout(join(tmpDir(), "layout"), { x: makeImage(tars) });
  const { id } = await made.store.pull({ reference: `oci:${layout}` });
  return { ...made, id };
}

/** A sparse file (GNU's PAX format 0.1) of `bytes`, with some text at its end. */
function sparse(name: string, bytes: number, text: string): Entry {
  const pax = { "GNU.sparse.map": `${bytes - text.length},${text.length}`, "GNU.sparse.size": `${bytes}` };
  return { name, content: text, pax };
}

function readAt(path: string, position: number, length: number): string {
  const piece = Buffer.alloc(length);
  const fd = openSync(path, "r");
  try {
    return piece.toString("latin1", 0, readSync(fd, piece, 0, length, position));
  } finally {
    closeSync(fd);
  }
}

test("a disk of more than 128 GiB: inodes and contents behind the reach of 32 bits", rootOnly, async () => {
  const size = 60 * 2 ** 30;
  const large = [1, 2, 3].map((number) =>
    makeTar([sparse(`large-${number}`, size, `end of ${number}`), { name: `small-${number}`, content: "s" }]),
  );
  const last: Entry[] = [
    { name: "far/", type: "directory", mode: 0o710 },
    { name: "far/small", content: "small", uid: 70_000 },
    { name: "far/again", content: "again" },
    { name: "far/linked", type: "link", linkname: "far/again" },
    { name: "far/whole", content: Buffer.alloc(200_000, "w") },
    { name: "far/attributes", content: "with", pax: { "SCHILY.xattr.user.key": "value" } },
    { name: "far/link", type: "symlink", linkname: "small" },
    ...Array.from({ length: 500 }, (_, i) => ({ name: `far/many/${i}`, content: `${i}` })),
  ];
  const { store, dir, id } = await pull(...(await Promise.all(large)), await makeTar(last));
  const { stdout } = await run("du", ["-sm", dir]);
  assert.ok(Number(stdout.split("\t")[0]) < 5, stdout);
  await withDisk(await store.rootDisk(id), tmpDir(), async (root) => {
    for (const number of [1, 2, 3]) {
      const path = join(root, `large-${number}`);
      assert.equal(statSync(path).size, size);
      assert.equal(readAt(path, size - 10, 100), `\0\0end of ${number}`);
      assert.equal(readAt(path, 2 ** 35, 4), "\0\0\0\0");
      assert.equal(readFileSync(join(root, `small-${number}`), "utf8"), "s");
    }
    const far = join(root, "far");
    const small = statSync(join(far, "small"), { bigint: true });
    assert.ok(small.ino > 2n ** 32n, `inode ${small.ino}`);
    assert.equal(small.uid, 70_000n);
    assert.equal(readFileSync(join(far, "link"), "utf8"), "small");
    assert.equal(readFileSync(join(far, "linked"), "utf8"), "again");
    assert.equal(statSync(join(far, "linked")).nlink, 2);
    assert.ok(readFileSync(join(far, "whole")).equals(Buffer.alloc(200_000, "w")));
    assert.equal(readFileSync(join(far, "attributes"), "utf8"), "with");
    const many = readdirSync(join(far, "many"));
    assert.equal(many.length, 500);
    for (const name of many) assert.equal(readFileSync(join(far, "many", name), "utf8"), name);
    const inodes = [...many.map((name) => join("many", name)), "small", "again", "whole", "attributes"];
    assert.equal(new Set(inodes.map((name) => lstatSync(join(far, name), { bigint: true }).ino)).size, 504);
  });
});

test(
  "more than 65,535 names of one file, entries of a directory and directories in a directory",
  rootOnly,
  async () => {
    const count = 70_000;
    const entries: Entry[] = [
      { name: "first", content: "one file" },
      { name: "names/", type: "directory" },
      { name: "files/", type: "directory" },
      { name: "directories/", type: "directory" },
    ];
    for (let i = 0; i < count; i++) entries.push({ name: `names/${i}`, type: "link", linkname: "first" });
    for (let i = 0; i < 100_000; i++)
      entries.push({ name: `files/${i}`, content: i % 1000 === 0 ? `${i}` : "" });
    for (let i = 0; i < count; i++) entries.push({ name: `directories/${i}/`, type: "directory" });
    const { store, id } = await pull(await makeTar(entries));
    const look = (root: string): void => {
      assert.equal(readdirSync(join(root, "names")).length, count);
      assert.equal(readFileSync(join(root, "names", `${count - 1}`), "utf8"), "one file");
      assert.equal(readdirSync(join(root, "files")).length, 100_000);
      assert.equal(readFileSync(join(root, "files", "99000"), "utf8"), "99000");
      assert.equal(readdirSync(join(root, "directories")).length, count);
    };
    await withDisk(await store.rootDisk(id), tmpDir(), async (root) => {
      look(root);
      assert.equal(statSync(join(root, "first")).nlink, count + 1);
      assert.equal(statSync(join(root, "directories")).nlink, count + 2);
      assert.equal(statSync(join(root, "first")).ino, statSync(join(root, "names", "5")).ino);
    });
    // ext4 allows 65,000 names: the directory has some copies then.
    look(await store.rootDirectory(id));
  },
);

test("times before 1901, before 1970 and after 2106, and owners beyond 16 bits", rootOnly, async () => {
  const times = [
    -(2 ** 45),
    2 ** 45,
    -(2 ** 40),
    -(2 ** 31) - 1,
    -1,
    0,
    2 ** 31,
    2 ** 32 + 5,
    2 ** 34,
    2 ** 42,
  ];
  const entries: Entry[] = times.map((time, i) => ({
    name: `time-${i}`,
    content: "x",
    pax: { mtime: `${time}` },
  }));
  entries.push(
    { name: "directory/", type: "directory", pax: { mtime: `${2 ** 42}` } },
    { name: "link", type: "symlink", linkname: "x", pax: { mtime: `${-(2 ** 42)}` } },
    { name: "owner", content: "x", pax: { uid: "4294967294", gid: "4294967294" } },
    { name: "owner-dir/", type: "directory", uid: 65_536, gid: 65_535 },
  );
  const { store, id } = await pull(await makeTar(entries));
  await withDisk(await store.rootDisk(id), tmpDir(), async (root) => {
    for (const [i, time] of times.entries()) {
      const { mtimeNs } = statSync(join(root, `time-${i}`), { bigint: true });
      assert.equal(mtimeNs / 10n ** 9n, BigInt(time), `time ${i}`);
    }
    assert.equal(statSync(join(root, "directory"), { bigint: true }).mtimeNs / 10n ** 9n, 2n ** 42n);
    assert.equal(lstatSync(join(root, "link"), { bigint: true }).mtimeNs / 10n ** 9n, -(2n ** 42n));
    assert.deepEqual(
      [statSync(join(root, "owner")).uid, statSync(join(root, "owner")).gid],
      [4294967294, 4294967294],
    );
  });
  // The host's file system has its own limits of time: what is in them is kept, the rest is no failure.
  const root = await store.rootDirectory(id);
  for (const [i, time] of times.entries())
    if (Math.abs(time) < 2 ** 31) assert.equal(statSync(join(root, `time-${i}`)).mtimeMs, time * 1000);
  assert.equal(statSync(join(root, "owner")).uid, 4294967294);
  assert.equal(statSync(join(root, "owner-dir")).gid, 65_535);
});

test("large and many extended attributes, of files, directories, links and devices", rootOnly, async () => {
  const many = Object.fromEntries(
    Array.from({ length: 1000 }, (_, i) => [`SCHILY.xattr.user.n${i}`, `v${i}`]),
  );
  const large = { "SCHILY.xattr.user.large": "l".repeat(60_000) };
  const { store, id } = await pull(
    await makeTar([
      { name: "many", content: "x", pax: many },
      { name: "large", content: "y".repeat(5000), pax: large },
      { name: "empty", content: "", pax: { "SCHILY.xattr.user.empty": "" } },
      { name: "directory/", type: "directory", pax: large },
      { name: "directory/inner", content: "z" },
      { name: "link", type: "symlink", linkname: "many", pax: { "SCHILY.xattr.trusted.t": "link" } },
      {
        name: "device",
        type: "character-device",
        devmajor: 1,
        devminor: 3,
        pax: { "SCHILY.xattr.trusted.t": "d" },
      },
      { name: "long-name", content: "x", pax: { [`SCHILY.xattr.user.${"n".repeat(250)}`]: "long" } },
    ]),
  );
  const attribute = async (path: string, name: string): Promise<string> =>
    (await run("getfattr", ["-h", "--absolute-names", "--only-values", "-n", name, path])).stdout;
  await withDisk(await store.rootDisk(id), tmpDir(), async (root) => {
    const { stdout } = await run("getfattr", ["--absolute-names", "-d", join(root, "many")]);
    assert.equal(stdout.match(/^user\.n[0-9]+="v[0-9]+"$/gm)?.length, 1000);
    for (const name of ["large", "directory"])
      assert.equal(await attribute(join(root, name), "user.large"), "l".repeat(60_000));
    assert.equal(readFileSync(join(root, "large"), "utf8"), "y".repeat(5000));
    assert.equal(await attribute(join(root, "empty"), "user.empty"), "");
    assert.equal(await attribute(join(root, "link"), "trusted.t"), "link");
    assert.equal(await attribute(join(root, "device"), "trusted.t"), "d");
    assert.equal(await attribute(join(root, "long-name"), `user.${"n".repeat(250)}`), "long");
  });
  // ext4 holds 4 KiB of them: the rest is left out, the files are there.
  const root = await store.rootDirectory(id);
  assert.equal(readFileSync(join(root, "large"), "utf8"), "y".repeat(5000));
  assert.equal(readFileSync(join(root, "directory", "inner"), "utf8"), "z");
  assert.equal(await attribute(join(root, "link"), "trusted.t"), "link");
});

test("the longest links, and names of every kind of characters", rootOnly, async () => {
  const at = { mtime: new Date("2021-01-02T03:04:05Z") };
  const names = [
    "new\nline",
    "tab\t and spaces  ",
    "\u0001\u007f\u001b[31mred",
    "back\\slash",
    "\u00e9 composed",
    "e\u0301 decomposed",
    "\u202etxt.exe",
    "…",
    "🐋",
    "..dots..",
    "...",
    "-rf",
    "CON",
    "Upper",
    "upper",
    "'quote\"`$(x)",
    "é".repeat(127),
  ];
  const entries: Entry[] = names.flatMap((name, i) => [
    { name: `files/${name}`, content: name, ...at },
    { name: `directories/${name}/`, type: "directory" as const, ...at },
    { name: `directories/${name}/${i}`, content: `${i}`, ...at },
    { name: `links/${name}`, type: "symlink" as const, linkname: `../files/${name}`, ...at },
  ]);
  // 4,095 bytes are what Linux follows; with their inode they are more than a block.
  for (const length of [1, 59, 60, 255, 4000, 4031, 4032, 4033, 4063, 4064, 4065, 4095])
    entries.push({ name: `long-${length}`, type: "symlink", linkname: "l".repeat(length), ...at });
  for (const name of ["", "files", "directories", "links"])
    entries.unshift({ name: `${name}/`, type: "directory", ...at });
  await compareLayers([await makeTar(entries)], {
    entries: names.length * 4,
    look: (root) => {
      assert.equal(readlinkSync(join(root, "long-4095")).length, 4095);
      for (const name of names) assert.equal(readFileSync(join(root, "links", name), "utf8"), name);
    },
  });
});

test(
  "paths far beyond 4 KiB: on the disk, in the directory, checked, measured and removed",
  rootOnly,
  async () => {
    // A path of an archive is no longer than 4,095 bytes, but may begin behind a link.
    const deep = (letter: string): string => Array.from({ length: 15 }, () => letter.repeat(250)).join("/");
    const { store, dir, id } = await pull(
      await makeTar([
        { name: `${deep("d")}/`, type: "directory" },
        { name: "1", type: "symlink", linkname: deep("d") },
        { name: `1/${deep("e")}/`, type: "directory" },
        { name: "2", type: "symlink", linkname: `1/${deep("e")}` },
        { name: `2/${deep("f")}/`, type: "directory" },
        { name: "3", type: "symlink", linkname: `2/${deep("f")}` },
        { name: "3/file", content: "deep", uid: 5, mode: 0o640 },
        { name: "3/again", type: "link", linkname: "3/file" },
        { name: "top", type: "link", linkname: "3/file" },
        { name: "3/link", type: "symlink", linkname: "file" },
        { name: "3/directory/", type: "directory", mode: 0o711, pax: { "SCHILY.xattr.user.key": "value" } },
        { name: "3/pipe", type: "fifo" },
      ]),
    );
    const look = async (root: string): Promise<void> => {
      // Step by step, as no path is longer than 4,095 bytes.
      const steps = ["d", "e", "f"].flatMap((letter) => Array.from({ length: 15 }, () => `cd -P ${letter}*`));
      const show = `cat file && stat -c '%n %a %u %h %F' file again link directory pipe && getfattr -d directory && pwd -P | wc -c`;
      const { stdout } = await run("bash", ["-c", [...steps, show].join(" && ")], { cwd: root });
      assert.match(
        stdout,
        /^deepfile 640 5 3 regular file\nagain 640 5 3 regular file\nlink 777 0 1 symbolic link\ndirectory 711 0 2 directory\npipe 644 0 1 fifo\n# file: directory\nuser.key="value"\n\n[0-9]+\n$/,
      );
      assert.ok(Number(/([0-9]+)\n$/.exec(stdout)?.[1]) > 11_000, stdout);
      assert.equal(readFileSync(join(root, "top"), "utf8"), "deep");
    };
    await withDisk(await store.rootDisk(id), tmpDir(), look);
    await look(await store.rootDirectory(id));
    assert.deepEqual((await store.check({ deep: true })).problems, []);
    assert.ok((await store.usage(() => 0)).diskBytes > 0);
    await store.remove(id, { force: true });
    assert.deepEqual(readdirSync(join(dir, "rootfs")), []);
    assert.deepEqual(readdirSync(join(dir, "ingest")), []);
  },
);
