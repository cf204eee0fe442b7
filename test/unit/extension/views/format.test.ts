import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAge, formatBytes, formatDuration, shortId } from "../../../../extension/views/format.ts";

test("sizes have three digits", () => {
  assert.equal(formatBytes(0), "0B");
  assert.equal(formatBytes(999_900), "1MB");
  assert.equal(formatBytes(7_734_000), "7.73MB");
});

test("times are relative, in the editor's language", () => {
  const now = Date.parse("2026-01-10T00:00:00Z");
  assert.equal(formatAge("2026-01-09T23:59:30Z", now, "en"), "30 seconds ago");
  assert.equal(formatAge("2026-01-09T22:00:00Z", now, "en"), "2 hours ago");
  assert.equal(formatDuration("2026-01-09T23:57:00Z", now, "en"), "3 minutes");
  assert.equal(formatDuration("2026-01-09T23:57:00Z", now, "de"), "3 Minuten");
  assert.equal(formatAge("1970-01-01T00:00:00Z", now, "en"), "");
  assert.equal(formatAge(undefined, now, "en"), "");
});

test("IDs are short and without their algorithm", () => {
  assert.equal(shortId(`sha256:${"ab".repeat(32)}`), "abababababab");
});
