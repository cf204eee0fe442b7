import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryName, writeFileAtomic } from "../../../engine/common/atomic-file.ts";
import { tmpDir } from "../../support/tmp-dir.ts";

test("a file is replaced whole, readable for its owner alone, and no temporary one stays", () => {
  for (const durability of ["file", "contents", "nothing"] as const) {
    const dir = tmpDir();
    const path = join(dir, "file");
    writeFileSync(path, "a longer text of before");
    writeFileAtomic(path, "text", dir, durability);
    assert.equal(readFileSync(path, "utf8"), "text");
    writeFileAtomic(path, new Uint8Array([1, 2]));
    assert.deepEqual([...readFileSync(path)], [1, 2]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(dir), ["file"]);
  }
});

test("a write that fails leaves what was there, and no temporary file", () => {
  const dir = tmpDir();
  const path = join(dir, "directory");
  mkdirSync(path);
  assert.throws(() => writeFileAtomic(path, "text"), { code: "EISDIR" });
  assert.deepEqual(readdirSync(dir), ["directory"]);
});

test("temporary names are this process's own and never the same", () => {
  const names = [temporaryName("a"), temporaryName("a")];
  assert.equal(new Set(names).size, 2);
  for (const name of names) assert.match(name, new RegExp(`^a\\.${process.pid}-[0-9]+\\.tmp$`));
});
