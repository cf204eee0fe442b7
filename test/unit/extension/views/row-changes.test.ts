import assert from "node:assert/strict";
import { test } from "node:test";
import { type RowShape, rowsToDraw } from "../../../../extension/views/row-changes.ts";

const row = (id: string, looks = "", rows: RowShape[] = []): RowShape => ({ id, looks, rows });

test("what looks the same is left alone: a menu may be open on it", () => {
  const rows = [row("a", "x", [row("a/1", "y")]), row("b", "x")];
  assert.deepEqual(rowsToDraw(rows, structuredClone(rows)), []);
});

test("a row that looks different is drawn, and not the others", () => {
  assert.deepEqual(rowsToDraw([row("a", "x"), row("b", "x")], [row("a", "x"), row("b", "y")]), ["b"]);
});

test("a whole tree is drawn only when rows on top came, went or moved", () => {
  assert.equal(rowsToDraw([row("a")], [row("a"), row("b")]), undefined);
  assert.equal(rowsToDraw([row("a"), row("b")], [row("b"), row("a")]), undefined);
  assert.equal(rowsToDraw([row("a")], []), undefined);
});

test("a row below another one is drawn by itself", () => {
  const before = [row("a", "x", [row("a/1"), row("a/2")]), row("b")];
  const after = [row("a", "x", [row("a/1"), row("a/2", "changed")]), row("b")];
  assert.deepEqual(rowsToDraw(before, after), ["a/2"]);
});

test("where rows below one came or went, only that one is drawn anew", () => {
  const before = [row("a", "x", [row("a/1")]), row("b", "x", [row("b/1")])];
  const after = [row("a", "x", [row("a/1"), row("a/2")]), row("b", "x", [row("b/1")])];
  assert.deepEqual(rowsToDraw(before, after), ["a"]);
});

test("a row that is drawn takes along what is below it", () => {
  assert.deepEqual(rowsToDraw([row("a", "x", [row("a/1", "x")])], [row("a", "y", [row("a/1", "y")])]), ["a"]);
});
