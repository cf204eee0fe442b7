import assert from "node:assert/strict";
import { test } from "node:test";
import { Latest } from "../../../../extension/engine/latest.ts";

/** Runs that end when they are told to. */
function runs() {
  const ends: { resolve(): void; reject(error: Error): void }[] = [];
  const latest = new Latest(() => new Promise((resolve, reject) => ends.push({ resolve, reject })));
  return { latest, ends };
}

test("whatever is asked for during a run is one more run after it", async () => {
  const { latest, ends } = runs();
  const first = latest.request();
  const second = latest.request();
  const third = latest.request();
  assert.equal(ends.length, 1);
  ends[0]?.resolve();
  await first;
  await new Promise(setImmediate);
  assert.equal(ends.length, 2);
  ends[1]?.resolve();
  await Promise.all([second, third]);
  assert.equal(ends.length, 2);
});

test("a run that fails holds nothing back", async () => {
  const { latest, ends } = runs();
  const first = latest.request();
  const second = latest.request();
  ends[0]?.reject(new Error("no"));
  await assert.rejects(first, /no/);
  await new Promise(setImmediate);
  ends[1]?.resolve();
  await second;
  const again = latest.request();
  assert.equal(ends.length, 3);
  ends[2]?.resolve();
  await again;
});
