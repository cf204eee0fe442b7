import assert from "node:assert/strict";
import { test } from "node:test";
import { goTime, humanAge, parsePruneTime, parseTime, rfc3339 } from "../../../engine/docker/times.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";

test("times: RFC 3339, Unix seconds, durations", () => {
  const now = 1_000_000_000_000;
  assert.equal(parseTime("10m", now), now - 600_000);
  assert.equal(parseTime("1h30m", now), now - 5_400_000);
  assert.equal(parseTime("12.5", now), 12_500);
  assert.equal(parseTime("2026-01-01T00:00:00Z", now), Date.parse("2026-01-01T00:00:00Z"));
  assert.equal(parseTime(undefined, now), undefined);
  assert.throws(() => parseTime("yesterday", now), /yesterday/);
});

test("a prune refuses what is no time in Docker's words", () => {
  assert.equal(parsePruneTime("24h", 1e12), 1e12 - 86_400_000);
  for (const bad of ["", "yesterday"])
    assert.throws(
      () => parsePruneTime(bad, 0),
      (error) =>
        error instanceof MockerError &&
        error.code === "INVALID_ARGUMENT" &&
        error.message === `failed to parse value as time or duration: "${bad}"`,
    );
});

test("ages count from now; an image without a time has none", () => {
  assert.equal(humanAge("2024-05-01T12:00:00Z", Date.parse("2024-05-01T12:02:00Z")), "2 minutes ago");
  assert.equal(humanAge(""), "N/A");
  assert.equal(humanAge("1970-01-01T00:00:00Z"), "N/A");
});

/** With the time zone `zone` for this process. */
function inZone(zone: string, work: () => void): void {
  const { TZ } = process.env;
  process.env.TZ = zone;
  try {
    work();
  } finally {
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
  }
}

test("times are shown in this machine's zone, as Go prints them", () => {
  inZone("UTC", () => {
    assert.equal(goTime("2024-05-01T12:00:00.5Z"), "2024-05-01 12:00:00 +0000 UTC");
    assert.equal(rfc3339("2024-05-01T12:00:00.5Z"), "2024-05-01T12:00:00Z");
  });
  inZone("Asia/Kolkata", () => {
    assert.match(goTime("2024-05-01T12:00:00Z"), /^2024-05-01 17:30:00 \+0530 /);
    assert.equal(rfc3339("2024-05-01T12:00:00Z"), "2024-05-01T17:30:00+05:30");
  });
  inZone("America/St_Johns", () => {
    assert.match(goTime("2024-01-01T00:00:00Z"), /^2023-12-31 20:30:00 -0330 /);
    assert.equal(rfc3339("2024-01-01T00:00:00Z"), "2023-12-31T20:30:00-03:30");
  });
  assert.equal(goTime("never"), "N/A");
  assert.equal(rfc3339("never"), "");
});
