import assert from "node:assert/strict";
import { test } from "node:test";
import { suites } from "../../runner/arguments.ts";
import { lanesOf } from "../../runner/lanes.ts";

const large = { cpus: 2, bytes: 16 * 2 ** 30, wanted: undefined };

test("suites run side by side, each once", () => {
  const { count, order } = lanesOf([...suites], large);
  assert.ok(count > 1);
  assert.deepEqual(order.toSorted(), suites.toSorted());
});

test("only what was chosen runs", () => {
  assert.deepEqual(lanesOf(["unit", "lab"], large), { count: 2, order: ["lab", "unit"] });
});

test("with one CPU, little memory or on demand, suites run one after the other in the usual order", () => {
  for (const machine of [
    { ...large, cpus: 1 },
    { ...large, bytes: 8 * 2 ** 30 },
    { ...large, wanted: "1" },
  ]) {
    assert.deepEqual(lanesOf([...suites], machine), { count: 1, order: [...suites] });
  }
});
