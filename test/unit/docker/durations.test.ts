import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { humanDuration, parseDuration } from "../../../engine/docker/durations.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

describe("durations in go-units' words", () => {
  const cases: [number, string][] = [
    [0, "Less than a second"],
    [450, "Less than a second"],
    [1 * second, "1 second"],
    [45 * second, "45 seconds"],
    [59.9 * second, "59 seconds"],
    [60 * second, "About a minute"],
    [119 * second, "About a minute"],
    [3 * minute, "3 minutes"],
    [59 * minute, "59 minutes"],
    [60 * minute, "About an hour"],
    [89 * minute, "About an hour"],
    [90 * minute, "2 hours"],
    [35 * hour, "35 hours"],
    [47 * hour, "47 hours"],
    [48 * hour, "2 days"],
    [13 * day, "13 days"],
    [14 * day, "2 weeks"],
    [59 * day, "8 weeks"],
    [60 * day, "2 months"],
    [(3 * 365 * day) / 2, "18 months"],
    [2 * 365 * day, "2 years"],
    [10 * 365 * day, "10 years"],
  ];
  for (const [milliseconds, text] of cases) {
    test(text, () => assert.equal(humanDuration(milliseconds), text));
  }
});

test("durations are read in Go's notation", () => {
  assert.equal(parseDuration("10m"), 10 * minute);
  assert.equal(parseDuration("1h30m"), 90 * minute);
  assert.equal(parseDuration("1.5s250ms"), 1750);
  for (const bad of ["", "10", "m", "1d", "-1s", "1h 30m", "1.h", "1s!"])
    assert.equal(parseDuration(bad), undefined, bad);
});
