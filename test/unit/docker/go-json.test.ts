import assert from "node:assert/strict";
import { test } from "node:test";
import { toJson } from "../../../engine/docker/go-json.ts";

test("maps are objects with sorted keys, wherever they are; methods and hidden members are left out", () => {
  const hidden = Object.defineProperty({ a: 1 }, "b", { value: 2, enumerable: false });
  const inner = new Map<string, unknown>([
    ["b,a", [new Map([["z", 1]])]],
    ["b", hidden],
  ]);
  const value = { list: [1, inner], plain: { n: null }, method: () => 1, date: new Date(0) };
  const text =
    '{"list":[1,{"b":{"a":1},"b,a":[{"z":1}]}],"plain":{"n":null},"date":"1970-01-01T00:00:00.000Z"}';
  assert.equal(toJson(value), text);
  assert.equal(toJson(new Map([["a", {}]]), 1), '{\n "a": {}\n}');
  assert.equal(toJson(null), "null");
});
