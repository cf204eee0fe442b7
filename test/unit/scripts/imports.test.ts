import assert from "node:assert/strict";
import { test } from "node:test";
import { circles, reachableFrom, roomOf } from "../../../scripts/imports.ts";

test("a file is in the longest room that holds it; a room may be one file", () => {
  const rooms = ["engine/daemon", "engine/daemon/vms", "engine/daemon/log"];
  assert.equal(roomOf("engine/daemon/vms/vm.ts", rooms), "engine/daemon/vms");
  assert.equal(roomOf("engine/daemon/log.ts", rooms), "engine/daemon/log");
  assert.equal(roomOf("engine/daemon/login.ts", rooms), "engine/daemon");
  assert.equal(roomOf("native/index.ts", rooms), "native");
});

test("what is reachable includes imports of imports", () => {
  const imports = [
    { from: "a", to: "b" },
    { from: "b", to: "c" },
    { from: "c", to: "a" },
    { from: "d", to: "e" },
  ];
  assert.deepEqual(reachableFrom(["a"], imports), ["a", "b", "c"]);
});

test("circles are found, each once, with what only leads to them left out", () => {
  const imports = ["a b", "b c", "c a", "c d", "d e", "e d", "f a", "g h"].map((pair) => {
    const [from = "", to = ""] = pair.split(" ");
    return { from, to };
  });
  assert.deepEqual(circles(imports), [
    ["d", "e"],
    ["a", "b", "c"],
  ]);
  assert.deepEqual(circles(imports.slice(0, 2)), []);
});
