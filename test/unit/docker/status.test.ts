import assert from "node:assert/strict";
import { test } from "node:test";
import { statusText } from "../../../engine/docker/status.ts";

test("states read as Docker's", () => {
  const base = { startedAt: "2026-01-01T00:00:00Z", finishedAt: "2026-01-01T00:00:10Z", exitCode: 7 };
  const now = Date.parse("2026-01-01T00:00:13Z");
  assert.equal(statusText({ ...base, state: "running" }, now), "Up 13 seconds");
  assert.equal(statusText({ ...base, state: "exited" }, now), "Exited (7) 3 seconds ago");
  assert.equal(statusText({ ...base, state: "created" }, now), "Created");
  assert.equal(statusText({ ...base, state: "paused" }, now), "Up 13 seconds (Paused)");
  assert.equal(statusText({ ...base, state: "failed" }, now), "Failed (7) 3 seconds ago");
  assert.equal(statusText({ ...base, state: "restarting" }, now), "Restarting (7) 3 seconds ago");
  assert.equal(
    statusText({ ...base, state: "running", health: "starting" }, now),
    "Up 13 seconds (health: starting)",
  );
  assert.equal(statusText({ ...base, state: "running", health: "healthy" }, now), "Up 13 seconds (healthy)");
});
