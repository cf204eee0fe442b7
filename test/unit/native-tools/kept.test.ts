import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { kept } from "../../../native/tools/kept.mjs";
import { tmpDir } from "../../support/tmp-dir.ts";

const what = { name: "part", version: "1.0", files: ["product"] };

function makerOf(text: string): { make: (done: string) => void; count: () => number } {
  let count = 0;
  const make = (done: string): void => {
    count++;
    writeFileSync(join(done, "product"), text);
  };
  return { make, count: () => count };
}

test("what has been made is made again only for another key, or on demand", () => {
  const cache = tmpDir();
  const { make, count } = makerOf("made");
  const first = kept({ ...what, cache, key: "a" }, make);
  assert.equal(readFileSync(join(first, "product"), "utf8"), "made");
  assert.equal(kept({ ...what, cache, key: "a" }, make), first);
  assert.equal(count(), 1);
  assert.notEqual(kept({ ...what, cache, key: "b" }, make), first);
  assert.equal(count(), 2);
  kept({ ...what, cache, key: "a" }, makerOf("anew").make, true);
  assert.equal(readFileSync(join(first, "product"), "utf8"), "anew");
});

test("what could not be made leaves nothing", () => {
  const cache = tmpDir();
  const failing = (done: string): void => {
    writeFileSync(join(done, "product"), "half");
    throw new Error("no compiler");
  };
  assert.throws(() => kept({ ...what, cache, key: "a" }, failing), /no compiler/);
  assert.deepEqual(readdirSync(cache), []);
});

test("of each name the eight that were used last stay, and of another name all", () => {
  const cache = tmpDir();
  const { make } = makerOf("made");
  const other = kept({ ...what, cache, name: "part-of-another", key: "a" }, make);
  const made = Array.from({ length: 12 }, (_, i) => kept({ ...what, cache, key: `${i}` }, make));
  assert.deepEqual(
    made.map((path) => existsSync(path)),
    made.map((_, i) => i >= 4),
  );
  assert.ok(existsSync(other));
});
