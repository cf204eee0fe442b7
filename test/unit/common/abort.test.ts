import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { backoffMs, delay, unlessAborted } from "../../../engine/common/abort.ts";

test("a promise counts unless the signal comes first", async () => {
  const controller = new AbortController();
  assert.equal(await unlessAborted(Promise.resolve(1), controller.signal), 1);
  await assert.rejects(unlessAborted(Promise.reject(new Error("own")), controller.signal), /own/);
  const waiting = unlessAborted(new Promise(() => {}), controller.signal);
  controller.abort(new Error("given up"));
  await assert.rejects(waiting, /given up/);
  await assert.rejects(unlessAborted(Promise.resolve(1), controller.signal), /given up/);
});

test("no listener stays on the signal", async () => {
  const { signal } = new AbortController();
  await unlessAborted(Promise.resolve(1), signal);
  await delay(0, signal);
  assert.deepEqual(getEventListeners(signal, "abort"), []);
});

test("a wait ends with the signal", async () => {
  const controller = new AbortController();
  const waiting = delay(2 ** 30, controller.signal);
  controller.abort(new Error("given up"));
  await assert.rejects(waiting, /given up/);
  await assert.rejects(delay(0, controller.signal), /given up/);
});

test("waits between attempts grow to ten seconds and a quarter at most", () => {
  for (let attempt = 0; attempt < 50; attempt++) {
    const base = Math.min(10_000, 500 * 2 ** attempt);
    const wait = backoffMs(attempt);
    assert.ok(wait >= base * 0.75 && wait <= base * 1.25, `${wait} ms after ${attempt}`);
  }
});
