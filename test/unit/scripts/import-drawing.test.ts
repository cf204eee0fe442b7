import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { importDrawing, withDrawing } from "../../../scripts/import-drawing.ts";
import { rootDir } from "../../support/paths.ts";

test("CONTRIBUTING's drawing of imports is current; `npm run draw-imports` makes it so", () => {
  const text = readFileSync(join(rootDir(), "CONTRIBUTING.md"), "utf8");
  assert.equal(text, withDrawing(text));
});

test("the drawing has the clients' way to the engine, and no arrow from them to the daemon", () => {
  const drawing = importDrawing();
  assert.match(drawing, /^ {2}cli --> client$/m);
  assert.match(drawing, /^ {2}extension --> client$/m);
  assert.doesNotMatch(drawing, /^ {2}(cli|client|extension) --> daemon/m);
});
