import assert from "node:assert/strict";
import { test } from "node:test";
import { PendingInput } from "../../../../extension/terminals/pending-input.ts";

test("what is typed is kept in order, and taken once", () => {
  const pending = new PendingInput();
  for (const key of ["l", "s", "\r"]) assert.equal(pending.push(key), "kept");
  assert.deepEqual(pending.take(), { text: "ls\r", dropped: false });
  assert.deepEqual(pending.take(), { text: "", dropped: false });
});

test("more than is kept is dropped whole: no part of a command is sent", () => {
  const pending = new PendingInput();
  assert.equal(pending.push("rm -rf /tmp/"), "kept");
  assert.equal(pending.push("x".repeat(64 * 1024)), "overflows");
  assert.equal(pending.push("\r"), "dropped");
  assert.deepEqual(pending.take(), { text: "", dropped: true });
  assert.equal(pending.push("ls\r"), "kept");
  assert.deepEqual(pending.take(), { text: "ls\r", dropped: false });
});

test("a text of just the size that is kept is sent", () => {
  const pending = new PendingInput();
  assert.equal(pending.push("y".repeat(64 * 1024)), "kept");
  assert.equal(pending.take().text.length, 64 * 1024);
});
