import assert from "node:assert/strict";
import { test } from "node:test";
import { checkName, generateName } from "../../../../engine/daemon/vms/names.ts";
import { parseTime } from "../../../../engine/docker/point-in-time.ts";
import { signalNumber } from "../../../../engine/docker/signals.ts";
import { statusText } from "../../../../engine/docker/status.ts";

test("states read as Docker's", () => {
  const base = { startedAt: "2026-01-01T00:00:00Z", finishedAt: "2026-01-01T00:00:10Z", exitCode: 7 };
  const now = Date.parse("2026-01-01T00:00:13Z");
  assert.equal(statusText({ ...base, state: "running" }, now), "Up 13 seconds");
  assert.equal(statusText({ ...base, state: "exited" }, now), "Exited (7) 3 seconds ago");
  assert.equal(statusText({ ...base, state: "created" }, now), "Created");
});

test("signals by name and number", () => {
  assert.equal(signalNumber("TERM"), 15);
  assert.equal(signalNumber("sigkill"), 9);
  assert.equal(signalNumber("15"), 15);
  assert.equal(signalNumber("RTMIN+3"), 37);
  for (const bad of ["NOPE", "0", "65", "", "RTMAX+1"])
    assert.throws(() => signalNumber(bad), /Invalid signal/);
});

test("names are Docker's", () => {
  assert.match(
    generateName(() => false),
    /^[a-z]+_[a-z]+$/,
  );
  const taken = new Set<string>();
  for (let n = 0; n < 5000; n++) taken.add(generateName((name) => taken.has(name)));
  assert.equal(taken.size, 5000);
  for (const bad of ["a", "-a", "a b", "a/b", ""])
    assert.throws(() => checkName(bad), /Invalid container name/);
});

test("times: RFC 3339, Unix seconds, durations", () => {
  const now = 1_000_000_000_000;
  assert.equal(parseTime("10m", now), now - 600_000);
  assert.equal(parseTime("1h30m", now), now - 5_400_000);
  assert.equal(parseTime("12.5", now), 12_500);
  assert.equal(parseTime("2026-01-01T00:00:00Z", now), Date.parse("2026-01-01T00:00:00Z"));
  assert.equal(parseTime(undefined, now), undefined);
  assert.throws(() => parseTime("yesterday", now), /yesterday/);
});
