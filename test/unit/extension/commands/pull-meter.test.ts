import assert from "node:assert/strict";
import { test } from "node:test";
import { PullMeter } from "../../../../extension/commands/pull-meter.ts";

test("adds up layers; one that is there or done counts whole", () => {
  const meter = new PullMeter();
  assert.deepEqual(meter.total(), { currentBytes: 0, totalBytes: 0, preparing: false });
  meter.report({ layer: "a", status: "downloading", currentBytes: 10, totalBytes: 100 });
  meter.report({ layer: "b", status: "downloading", currentBytes: 50, totalBytes: 50 });
  meter.report({ layer: "c", status: "exists" });
  meter.report({ layer: "", status: "pulling" });
  assert.deepEqual(meter.total(), { currentBytes: 60, totalBytes: 150, preparing: false });
  meter.report({ layer: "b", status: "complete" });
  meter.report({ layer: "a", status: "preparing", currentBytes: 3, totalBytes: 7 });
  assert.deepEqual(meter.total(), { currentBytes: 150, totalBytes: 150, preparing: true });
  meter.report({ layer: "a", status: "complete" });
  assert.deepEqual(meter.total(), { currentBytes: 150, totalBytes: 150, preparing: false });
});
