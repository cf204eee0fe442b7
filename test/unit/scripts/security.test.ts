import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../../support/paths.ts";

/** A file of tests, and the names that are cited of it: “…” in one is whatever a template puts there. */
const citation = /`(test\/[^`]+)`: (“[^”]+”(?:, “[^”]+”)*)/g;

function sourceOf(name: string): RegExp {
  const parts = name.split("…").map((part) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`\\b(?:test|it)\\(\\s*["\`]${parts.join(".*")}`);
}

test("every test that SECURITY.md cites is there, and every promise cites some", () => {
  const rows = readFileSync(join(rootDir(), "SECURITY.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| **"));
  assert.ok(rows.length >= 10);
  for (const row of rows) {
    const cited = [...row.matchAll(citation)];
    assert.ok(cited.length > 0, row);
    assert.equal(cited.length, row.split("`test/").length - 1, row);
    for (const [, path = "", names = ""] of cited) {
      const source = readFileSync(join(rootDir(), path), "utf8");
      for (const [, name = ""] of names.matchAll(/“([^”]+)”/g)) assert.match(source, sourceOf(name), path);
    }
  }
});
