import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { makeStore } from "../../../../fixtures/image-store.ts";
import { type Entry, makeImage, makeTar, writeLayout } from "../../../../fixtures/made-image.ts";
import { needPrograms } from "../../../../support/host.ts";
import { withDisk } from "../../../../support/image-tree.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { compareLayers, privileged } from "./against-umoci.ts";

before(() => needPrograms({ umoci: "umoci", "fsck.erofs": "erofs-utils" }));

const at = { mtime: new Date("2021-01-02T03:04:05Z") };
const file = (name: string, content = name, more: Partial<Entry> = {}): Entry => ({
  name,
  content,
  ...at,
  ...more,
});
const directory = (name: string, mode = 0o755): Entry => ({
  name: `${name}/`,
  type: "directory",
  mode,
  ...at,
});
const symlink = (name: string, linkname: string): Entry => ({ name, type: "symlink", linkname, ...at });
const link = (name: string, linkname: string): Entry => ({ name, type: "link", linkname, ...at });

/**
 * Layers whose order or meaning tricked somebody once. Each has an entry for every directory, so that umoci
 * gives it a time.
 */
const stacks: [what: string, ...layers: Entry[][]][] = [
  [
    "a directory replaced by a link to the host's, then written through (CVE-2021-32803)",
    [directory("etc"), file("etc/passwd"), directory("d"), file("d/x")],
    [symlink("d", "/etc")],
    [directory("etc"), file("d/passwd", "inside")],
  ],
  [
    "a link replaced by a directory, and its target left alone",
    [directory("target"), file("target/kept"), symlink("l", "target")],
    [directory("l", 0o700), file("l/new")],
  ],
  [
    "a hard link to a file that a later layer replaces keeps the old contents",
    [file("a", "old"), link("b", "a"), file("small", "s"), link("small-too", "small")],
    [file("a", "new"), file("small", "S", { mode: 0o600 })],
    [link("c", "a"), link("d", "b"), file("b", "third")],
  ],
  [
    "a hard link to a symbolic link is one, and is not followed",
    [symlink("s", "/etc/shadow"), link("h", "s")],
    [directory("d"), link("d/h", "h")],
  ],
  [
    "a file twice in a layer, in two kinds: the last one counts",
    [
      file("a", "1"),
      symlink("a", "b"),
      file("a", "3", { mode: 0o4711, uid: 7 }),
      directory("b"),
      file("b", "file"),
    ],
  ],
  [
    "a directory twice, with other attributes",
    [directory("d", 0o700), file("d/x"), directory("d", 0o1777)],
    [directory("d", 0o711)],
  ],
  [
    "a whiteout of the directory that other entries of its layer are in, before and after them",
    [directory("p"), file("p/old"), directory("q"), file("q/old")],
    [
      directory("p"),
      file("p/new"),
      file(".wh.p", ""),
      directory("p"),
      file(".wh.q", ""),
      directory("q"),
      file("q/new"),
    ],
  ],
  [
    "an opaque mark after, before and twice among its directory's entries",
    [directory("a"), file("a/old"), directory("a/sub"), file("a/sub/old"), directory("b"), file("b/old")],
    [
      directory("a"),
      file("a/new"),
      file("a/.wh..wh..opq", ""),
      directory("b"),
      file("b/.wh..wh..opq", ""),
      file("b/new"),
      file("b/.wh..wh..opq", "with contents"),
    ],
  ],
  ["an opaque root", [file("old"), directory("d"), file("d/old")], [file(".wh..wh..opq", ""), file("new")]],
  [
    "a whiteout through a link hides what the link leads to, inside",
    [directory("real"), file("real/x"), file("real/y"), symlink("l", "/real")],
    [directory("real"), file("l/.wh.x", "")],
  ],
  [
    "a whiteout of a link does not touch its target",
    [directory("real"), file("real/x"), symlink("l", "real")],
    [file(".wh.l", "")],
  ],
  [
    "a whiteout of what never was, and of what the layer itself has",
    [file("a")],
    [file(".wh.b", ""), file("c"), file(".wh.c", "")],
  ],
  [
    "hidden and made again as another kind, two layers later",
    [directory("d"), file("d/x")],
    [file(".wh.d", "")],
    [file("d", "a file now")],
    [file(".wh.d", "")],
    [symlink("d", "nowhere")],
  ],
];

for (const [what, ...layers] of stacks)
  test(`as umoci: ${what}`, { skip: !privileged && "owners need root" }, async () => {
    const root: Entry = { name: "./", type: "directory", ...at };
    await compareLayers(await Promise.all(layers.map((entries) => makeTar([root, ...entries]))));
  });

test("what is written through links to a directory of the host is in the image, at that path", async () => {
  const outside = join(tmpDir(), "outside");
  mkdirSync(outside);
  const up = `${"../".repeat(30)}${outside.slice(1)}`;
  const layout = writeLayout(join(tmpDir(), "layout"), {
    x: makeImage([
      await makeTar([symlink("absolute", outside), symlink("relative", up)]),
      await makeTar([file("absolute/x"), file("relative/y"), link("relative/z", "absolute/x")]),
    ]),
  });
  const { store } = await makeStore();
  const { id } = await store.pull({ reference: `oci:${layout}` });
  const look = async (root: string): Promise<void> =>
    assert.deepEqual(readdirSync(join(root, outside)).sort(), ["x", "y", "z"]);
  await withDisk(await store.rootDisk(id), tmpDir(), look);
  await look(await store.rootDirectory(id));
  assert.deepEqual(readdirSync(outside), []);
});
