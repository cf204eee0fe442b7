import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { createExt4Image, needsRecovery } from "../../../engine/common/ext4-image.ts";
import { adminPath, needPrograms } from "../../support/host.ts";
import { tmpDir } from "../../support/tmp-dir.ts";

const mebibyte = 2 ** 20;
const gibibyte = 2 ** 30;
const tool = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: "utf8", stdio: "pipe", env: { ...process.env, PATH: adminPath } });

before(() => needPrograms({ e2fsck: "e2fsprogs", debugfs: "e2fsprogs" }));

describe("an image of any size is a clean file system", () => {
  const sizes: [string, number][] = [
    ["the least", 64 * mebibyte],
    ["no multiple of a block", 65 * mebibyte + 1],
    ["one group", 128 * mebibyte],
    ["a second group too small to be one", 129 * mebibyte],
    ["a last group that is not whole", 300 * mebibyte],
    ["with a larger journal", 10 * gibibyte],
    ["descriptors of several blocks", 100 * gibibyte + 5 * mebibyte],
  ];
  for (const [name, sizeBytes] of sizes) {
    test(name, () => {
      const path = join(tmpDir(), "block.img");
      createExt4Image(path, sizeBytes);
      const { size, blocks, mode } = statSync(path);
      assert.deepEqual([size, mode & 0o777], [sizeBytes, 0o600]);
      assert.ok(blocks * 512 < 256 * 1024, `${blocks * 512} bytes allocated`);
      tool("e2fsck", "-fn", path);
    });
  }
});

test("in it are an empty directory that all may enter, and lost+found", () => {
  const path = join(tmpDir(), "block.img");
  createExt4Image(path, 64 * mebibyte);
  const listed = tool("debugfs", "-R", "ls -p /", path).trim().split("\n");
  assert.deepEqual(
    listed.map((line) => line.split("/").slice(2, 6).join(" ")),
    ["040755 0 0 .", "040755 0 0 ..", "040700 0 0 lost+found", "040755 0 0 data"],
  );
  assert.equal(tool("debugfs", "-R", "ls -p /data", path).trim().split("\n").length, 2);
});

test("two images are two file systems", () => {
  const uuids = ["a", "b"].map((name) => {
    const path = join(tmpDir(), name);
    createExt4Image(path, 64 * mebibyte);
    return /^Filesystem UUID: +(\S+)$/m.exec(tool("dumpe2fs", "-h", path))?.[1];
  });
  assert.ok(uuids[0] !== undefined && uuids[0] !== uuids[1], uuids.join());
});

test("it is seen whether it was unmounted", () => {
  const path = join(tmpDir(), "block.img");
  createExt4Image(path, 64 * mebibyte);
  assert.equal(needsRecovery(path), false);
  tool("debugfs", "-w", "-R", "feature needs_recovery", path);
  assert.equal(needsRecovery(path), true);
});

test("what is there is not overwritten, and of what cannot be nothing is left", () => {
  const path = join(tmpDir(), "block.img");
  writeSync(openSync(path, "wx"), "mine");
  assert.throws(() => createExt4Image(path, 64 * mebibyte), { code: "EEXIST" });
  assert.equal(statSync(path).size, 4);
  const other = join(tmpDir(), "block.img");
  assert.throws(() => createExt4Image(other, 2 ** 62));
  assert.ok(!existsSync(other));
});
