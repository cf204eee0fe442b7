import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeDirectory } from "../../../engine/common/make-directory.ts";
import { tmpDir } from "../../support/tmp-dir.ts";

test("a directory and those above it are made, private, unless they are there", () => {
  const path = join(tmpDir(), "a", "b", "c");
  makeDirectory(path);
  makeDirectory(path);
  assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
});

test("the cause is that of the first directory that cannot be made", () => {
  const dir = tmpDir();
  writeFileSync(join(dir, "file"), "");
  assert.throws(() => makeDirectory(join(dir, "file")), { code: "EEXIST" });
  assert.throws(() => makeDirectory(join(dir, "file", "a", "b")), { code: "ENOTDIR" });
  // 255 bytes are the longest name.
  assert.throws(() => makeDirectory(join(dir, "x".repeat(256), "a")), { code: "ENAMETOOLONG" });
});
