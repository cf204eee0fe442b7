import assert from "node:assert/strict";
import { test } from "node:test";
import { Query } from "../../../../../engine/daemon/api/docker/query.ts";

test("flags are read as dockerd reads them", () => {
  const query = new Query("a=1&b=true&c=True&d=yes&e=0&f=false&g=False&h=&i=no&j=none");
  assert.deepEqual(
    ["a", "b", "c", "d"].map((name) => query.flag(name)),
    [true, true, true, true],
  );
  assert.deepEqual(
    ["e", "f", "g", "h", "i", "j", "missing"].map((name) => query.flag(name)),
    [false, false, false, false, false, false, false],
  );
  assert.deepEqual(
    ["a", "e", "h", "missing"].map((name) => query.flagOr(name, true)),
    [true, false, true, true],
  );
});

test("integers may be negative or missing, and nothing else", () => {
  const query = new Query("a=12&b=-1&c=&d=1e3&e=ten");
  assert.deepEqual([query.integer("a"), query.integer("b"), query.integer("c")], [12, -1, undefined]);
  for (const name of ["d", "e"]) assert.throws(() => query.integer(name), { status: 400 });
});

test("filters come as Go's clients send them, and as others do", () => {
  const filters = (value: unknown) =>
    new Query(`filters=${encodeURIComponent(JSON.stringify(value))}`).filters();
  assert.deepEqual(filters({ name: { a: true, b: true }, label: { "k=v": true } }), {
    name: ["a", "b"],
    label: ["k=v"],
  });
  assert.deepEqual(filters({ name: ["a", "b"] }), { name: ["a", "b"] });
  assert.deepEqual(filters({}), {});
  assert.deepEqual(filters(null), {});
  assert.deepEqual(new Query("").filters(), {});
  for (const wrong of ["x", [], 1, { name: 1 }, { name: "a" }, { name: [1] }, { name: null }])
    assert.throws(() => filters(wrong), { status: 400, message: "invalid filter" });
  assert.throws(() => new Query("filters={").filters(), { status: 400 });
  // No member of every object.
  assert.deepEqual(filters(JSON.parse('{"__proto__":["x"]}')).name, undefined);
});
