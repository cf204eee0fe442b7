import assert from "node:assert/strict";
import { test } from "node:test";
import { type CopySource, type CopyTarget, copyPlace } from "../../../engine/docker/copy-place.ts";
import { fails } from "../../support/fails-with.ts";

const file: CopySource = { name: "f", isDirectory: false };
const directory: CopySource = { name: "d", isDirectory: true };

const places: [what: string, CopySource, CopyTarget, directory: string, rename: string | undefined][] = [
  ["a file into a directory", file, { path: "/data", kind: "directory" }, "/data", undefined],
  ["a directory into one", directory, { path: "/data/", kind: "directory" }, "/data/", undefined],
  ["a file over a file", file, { path: "/data/keep", kind: "other" }, "/data", "keep"],
  ["a file under a new name", file, { path: "data/rel", kind: "missing" }, "data", "rel"],
  ["a file into the root", file, { path: "/new", kind: "missing" }, "/", "new"],
  ["a file by a name alone", file, { path: "new", kind: "missing" }, ".", "new"],
  ["a directory under a new name", directory, { path: "/data/new", kind: "missing" }, "/data", "new"],
  ["the same with a slash", directory, { path: "/data/new/", kind: "missing" }, "/data", "new"],
  ["the same with a dot", directory, { path: "/data/new/.", kind: "missing" }, "/data", "new"],
];

for (const [what, source, target, into, rename] of places) {
  test(`cp puts ${what} where Docker does`, () => {
    assert.deepEqual(copyPlace(source, target), {
      directory: into,
      ...(rename === undefined ? {} : { rename }),
    });
  });
}

test("cp refuses what Docker refuses", () => {
  assert.throws(
    () => copyPlace(directory, { path: "/data/keep", kind: "other" }),
    fails("INVALID_ARGUMENT", /^cannot copy directory$/),
  );
  for (const path of ["/data/new/", "/data/new/.", ""])
    assert.throws(
      () => copyPlace(file, { path, kind: "missing" }),
      fails("INVALID_ARGUMENT", /^no such directory$/),
    );
});
