import assert from "node:assert/strict";
import { test } from "node:test";
import { progressBar } from "../../../../engine/docker/api/transfer-progress.ts";

test("the bar is Docker's, for wide terminals", () => {
  assert.equal(progressBar(500, 1000, 110), "500B/1kB");
  assert.equal(progressBar(500, undefined, 80), "500B");
  assert.equal(progressBar(36_445, 1_088_263, 200), `[=>${" ".repeat(49)}]  36.45kB/1.088MB`);
  assert.equal(progressBar(1000, 1000, 111), `[${"=".repeat(50)}>]      1kB/1kB`);
  assert.equal(progressBar(2_130_432, 1_982_497, 200), `[${"=".repeat(50)}>]   2.13MB`);
});
