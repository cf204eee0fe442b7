import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBytes, formatDate, formatTime, shortId } from "../../../../extension/views/format.ts";

process.env.TZ = "UTC";

test("sizes have three digits", () => {
  assert.equal(formatBytes(0), "0B");
  assert.equal(formatBytes(999_900), "1MB");
  assert.equal(formatBytes(7_734_000), "7.73MB");
});

test("times are those of the clock, in the editor's language; the epoch is none", () => {
  assert.equal(formatDate("2026-01-09T12:00:00Z", "en"), "Jan 9, 2026");
  assert.equal(formatDate("2026-01-09T12:00:00Z", "de"), "09.01.2026");
  assert.equal(formatTime("2026-01-09T12:00:00Z", "de"), "09.01.2026, 12:00");
  for (const none of [undefined, "", "1970-01-01T00:00:00Z", "nonsense"]) {
    assert.equal(formatTime(none, "en"), "");
  }
});

test("IDs are short and without their algorithm", () => {
  assert.equal(shortId(`sha256:${"ab".repeat(32)}`), "abababababab");
});
