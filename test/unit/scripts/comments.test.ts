import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commentColumns, wideComments, wrapComments } from "../../../scripts/comments.ts";
import { commentedFiles } from "../../../scripts/sources.ts";
import { rootDir } from "../../support/paths.ts";

const long = `${"word ".repeat(30).trim()}`;
const url = `https://example.test/${"x".repeat(120)}`;

test("comments that are too wide are found: of one line, of several, behind code", () => {
  for (const line of [
    `// ${long}`,
    `  /** ${long} */`,
    `   * ${long}`,
    `code(); // ${long}`,
    `/// ${long}`,
  ]) {
    assert.deepEqual(wideComments(`first\n${line}\nlast`), [2], line);
  }
});

test("code, one long word and orders to tools are not", () => {
  for (const line of [
    `call("${long}");`,
    `call("${long} // ${long}");`,
    `// ${url}`,
    ` * ${url}`,
    `// biome-ignore x: ${long}`,
  ]) {
    assert.deepEqual(wideComments(line), [], line);
  }
});

test("a paragraph is wrapped to its end, and no further", () => {
  const source = [`  // ${long}`, "  // and more.", "  //", "  // Another.", "  code();"].join("\n");
  const lines = wrapComments(source).split("\n");
  assert.deepEqual(wideComments(lines.join("\n")), []);
  assert.deepEqual(lines.slice(-3), ["  //", "  // Another.", "  code();"]);
  const words = lines.slice(0, -3).map((line) => line.replace("  // ", ""));
  assert.equal(words.join(" "), `${long} and more.`);
  assert.ok(lines.every((line) => line.length <= commentColumns));
});

test("a comment of one line becomes one of several", () => {
  const lines = wrapComments(`  /** ${long} */`).split("\n");
  assert.equal(lines[0], "  /**");
  assert.equal(lines.at(-1), "   */");
  assert.equal(
    lines
      .slice(1, -1)
      .map((line) => line.replace("   * ", ""))
      .join(" "),
    long,
  );
});

test("a tag of JSDoc gets a line of its own, whole", () => {
  const lines = wrapComments(`/** ${long} @returns {Map<string, number>} */`).split("\n");
  assert.equal(lines.at(-2), " * @returns {Map<string, number>}");
});

test("an item of a list hangs, and the next one is left alone", () => {
  const lines = wrapComments([` * - ${long}`, "   and so on", " * - next"].join("\n")).split("\n");
  assert.match(lines[1] ?? "", /^ \* {3}word/);
  assert.equal(lines.at(-1), " * - next");
});

test("no comment of the checkout is too wide; `npm run wrap-comments` wraps them", () => {
  const wide = commentedFiles().flatMap((file) =>
    wideComments(readFileSync(join(rootDir(), file), "utf8")).map((line) => `${file}:${line}`),
  );
  assert.deepEqual(wide, []);
});
