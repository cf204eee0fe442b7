/** Capabilities and resource limits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { droppedCapabilities } from "../../../../engine/docker/run-options/capabilities.ts";
import { parseUlimit } from "../../../../engine/docker/run-options/ulimits.ts";

test("capabilities are dropped one by one, or all but those that are added", () => {
  assert.deepEqual(droppedCapabilities(["NET_ADMIN"], []), []);
  assert.deepEqual(droppedCapabilities([], ["net_raw", "CAP_CHOWN"]), [0, 13]);
  const all = droppedCapabilities([], ["ALL"]);
  assert.deepEqual([all.length, all[40]], [41, 40]);
  assert.deepEqual(
    all.filter((number) => !droppedCapabilities(["SYS_TIME", "chown"], ["all"]).includes(number)),
    [0, 25],
  );
  assert.deepEqual(droppedCapabilities(["ALL"], ["ALL"]), []);
  assert.throws(() => droppedCapabilities(["foo"], []), {
    message: 'invalid CapAdd: unknown capability: "CAP_FOO"',
  });
});

test("resource limits are read and refused as Docker's", () => {
  assert.deepEqual(parseUlimit("nofile=1024:2048"), { name: "nofile", soft: 1024, hard: 2048 });
  assert.deepEqual(parseUlimit("core=-1"), { name: "core", soft: -1, hard: -1 });
  assert.deepEqual(parseUlimit("nproc=5:-1"), { name: "nproc", soft: 5, hard: -1 });
  for (const [text, message] of [
    ["nofile", "invalid ulimit argument: nofile"],
    ["foo=1", "invalid ulimit type: foo"],
    ["nofile=a", 'strconv.ParseInt: parsing "a": invalid syntax'],
    ["nofile=5:2", "ulimit soft limit must be less than or equal to hard limit: 5 > 2"],
    ["nofile=5:2:3", "too many limit value arguments - 5:2:3, can only have up to two, `soft[:hard]`"],
  ] as const) {
    assert.throws(() => parseUlimit(text), { message });
  }
});
