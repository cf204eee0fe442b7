import assert from "node:assert/strict";
import { test } from "node:test";
import { file, tree } from "../layers/layers.ts";

test("whiteouts and opaque directories hide what is below and nothing else", async () => {
  const below = [file("a/1"), file("a/2"), file("b/1"), file("c"), file("d/x/y"), file("e")];
  assert.deepEqual(
    await tree(below, [
      file(".wh.c", ""),
      file("a/.wh.1", ""),
      file("a/3"),
      // The order inside of a layer must not matter.
      file("b/new"),
      file("b/.wh..wh..opq", ""),
      file(".wh.d", ""),
      file("d/z"),
      file("e"),
      file(".wh.e", ""),
      file(".wh.never-there", ""),
      file(".wh..wh.plnk/1.2", ""),
    ]),
    ["a/", "a/2 = a/2", "a/3 = a/3", "b/", "b/new = b/new", "d/", "d/z = d/z", "e = e"],
  );
});

test("a later layer replaces files by directories and links and the other way round", async () => {
  assert.deepEqual(
    await tree(
      [file("f"), file("d/x"), { name: "l", type: "symlink", linkname: "d" }, file("keep/x")],
      [
        { name: "f/", type: "directory" },
        file("f/inner"),
        file("d"),
        { name: "l/", type: "directory" },
        { name: "keep/", type: "directory" },
      ],
    ),
    ["d = d", "f/", "f/inner = f/inner", "keep/", "keep/x = keep/x", "l/"],
  );
});

test("a path through a symlink stays inside of the image, as on a machine with merged /usr", async () => {
  assert.deepEqual(
    await tree(
      [
        file("usr/lib/a"),
        { name: "lib", type: "symlink", linkname: "usr/lib" },
        { name: "up", type: "symlink", linkname: "../../../../usr" },
      ],
      [file("lib/b"), file("up/c"), file("lib/.wh.a", "")],
    ),
    ["lib -> usr/lib", "up -> ../../../../usr", "usr/", "usr/c = up/c", "usr/lib/", "usr/lib/b = lib/b"],
  );
});

test("hard links reach into lower layers and count their names", async () => {
  assert.deepEqual(
    await tree(
      [file("a"), { name: "b", type: "link", linkname: "./a" }],
      [{ name: "c", type: "link", linkname: "/a" }, file(".wh.a", "")],
    ),
    ["b = a x2", "c = a (link 1) x2"],
  );
});
