import assert from "node:assert/strict";
import { test } from "node:test";
import { goFileMode, pathStat } from "../../../../engine/docker/api/path-stat.ts";

test("modes are Go's", () => {
  for (const [mode, expected] of [
    [0o100644, 0o644],
    [0o040755, 0x80000000 + 0o755],
    [0o041777, 0x80000000 + 0x00100000 + 0o777],
    [0o120777, 0x08000000 + 0o777],
    [0o104755, 0x00800000 + 0o755],
    [0o102755, 0x00400000 + 0o755],
    [0o020666, 0x04200000 + 0o666],
    [0o060660, 0x04000000 + 0o660],
    [0o010600, 0x02000000 + 0o600],
    [0o140755, 0x01000000 + 0o755],
  ] as const)
    assert.equal(goFileMode(mode), expected, mode.toString(8));
});

test("a path is called by its last part, and times have the digits that they need", () => {
  const facts = { mode: 0o100644, sizeBytes: 5, mtimeSeconds: 0, mtimeNanoseconds: 0, linkTarget: "" };
  const named = (path: string): unknown => pathStat(path, facts).name;
  assert.deepEqual(
    ["/", "/a/b", "a/b/", "/a/."].map((path) => named(path)),
    ["/", "b", "b", "."],
  );
  const at = (mtimeSeconds: number, mtimeNanoseconds: number): unknown =>
    pathStat("/a", { ...facts, mtimeSeconds, mtimeNanoseconds }).mtime;
  assert.equal(at(1_700_000_000, 0), "2023-11-14T22:13:20Z");
  assert.equal(at(1_700_000_000, 120_000_000), "2023-11-14T22:13:20.12Z");
  assert.equal(at(1_700_000_000, 1), "2023-11-14T22:13:20.000000001Z");
  assert.equal(at(Number.MAX_SAFE_INTEGER, 0), "1970-01-01T00:00:00Z");
});
