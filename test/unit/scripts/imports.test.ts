import assert from "node:assert/strict";
import { test } from "node:test";
import { reachableFrom, roomOf } from "../../../scripts/imports.ts";

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
