import assert from "node:assert/strict";
import { test } from "node:test";
import {
  globMatches,
  matchesLabel,
  parseFilterBoolean,
  parseFilters,
  pruneCondition,
} from "../../../engine/docker/filters.ts";

test("filters are collected by key; keys have no case, values keep theirs", () => {
  assert.deepEqual(parseFilters(["Label= A=b ", "label=c", "until=24h"]), {
    label: ["A=b", "c"],
    until: ["24h"],
  });
  assert.throws(() => parseFilters(["label"]), new Error("bad format of filter (expected name=value)"));
});

test("keys that every object of JavaScript has are keys like others", () => {
  const filters = parseFilters(["constructor=x", "__proto__=y"]);
  assert.deepEqual(Object.entries(filters), [
    ["constructor", ["x"]],
    ["__proto__", ["y"]],
  ]);
});

test("labels match by key or by key and value, and only those that are there", () => {
  const labels = { color: "blue", empty: "", "a=b": "never" };
  for (const wanted of ["color", "color=blue", "empty", "empty="])
    assert.ok(matchesLabel(labels, wanted), wanted);
  for (const wanted of ["color=red", "color=", "other", "constructor", "toString", "__proto__"])
    assert.ok(!matchesLabel(labels, wanted), wanted);
});

test("yes and no are Docker's", () => {
  for (const text of ["true", "TRUE", "1"]) assert.equal(parseFilterBoolean("dangling", text), true);
  for (const text of ["false", "0"]) assert.equal(parseFilterBoolean("dangling", text), false);
  assert.throws(
    () => parseFilterBoolean("dangling", "yes"),
    /^MockerError: invalid filter 'dangling=\[yes\]'$/,
  );
});

test("a prune's filters all hold: every label, none of the refused ones, and the age", () => {
  const parse = (text: string): number => Date.parse(text);
  const old = { labels: { keep: "1", a: "b" }, created: "2024-01-01T00:00:00Z" };
  const matches = (filters: Record<string, string[]>): boolean => pruneCondition(filters, parse)(old);
  assert.ok(matches({}));
  assert.ok(matches({ label: ["a=b", "keep"] }));
  assert.ok(!matches({ label: ["a=b", "other"] }));
  assert.ok(!matches({ "label!": ["other", "keep"] }));
  assert.ok(matches({ until: ["2024-01-01T00:00:00Z"] }));
  assert.ok(!matches({ until: ["2023-12-31T23:59:59Z"] }));
  assert.throws(
    () => matches({ until: ["2024-01-01", "2024-01-02"] }),
    /more than one until filter specified/,
  );
});

test("patterns are Go's", () => {
  assert.equal(globMatches("a[bc]?/*.x", "abz/q.x"), true);
  assert.equal(globMatches("a*", "a/b"), false);
  assert.equal(globMatches("a\\*", "a*"), true);
  assert.equal(globMatches("a.c", "abc"), false);
  assert.equal(globMatches("[z-a]", "b"), false);
});
