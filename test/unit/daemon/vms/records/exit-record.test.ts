import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cancelledStart,
  failedStart,
  killedMonitor,
  startExitCode,
  stateAfter,
} from "../../../../../engine/daemon/vms/records/exit-record.ts";
import { MockerError } from "../../../../../engine/protocol/errors.ts";

test("a process that cannot be started has Docker's exit codes", () => {
  assert.equal(startExitCode(new MockerError("COMMAND_NOT_FOUND", "no such file")), 127);
  assert.equal(startExitCode(new MockerError("COMMAND_NOT_EXECUTABLE", "permission denied")), 126);
  assert.equal(startExitCode(new MockerError("MOUNT_INVALID", "bad mount")), 125);
  assert.equal(startExitCode(new Error("bug")), 125);
});

test("a failed start never ran, and leaves a failed VM", () => {
  const record = failedStart(new MockerError("COMMAND_NOT_FOUND", "no such file"));
  assert.deepEqual(
    [record.exitCode, record.reason, record.message, record.startedAt, stateAfter(record)],
    [127, "start-failed", "no such file", null, "failed"],
  );
});

test("a start that was cancelled leaves a VM that was killed, not one that failed", () => {
  const record = cancelledStart("container web was stopped while it was starting");
  assert.deepEqual(
    [record.exitCode, record.signal, record.message, record.startedAt, stateAfter(record)],
    [137, 9, "container web was stopped while it was starting", null, "exited"],
  );
});

test("a monitor that was killed leaves the time of its start, and a reason", () => {
  const record = killedMonitor("2026-01-01T00:00:00Z");
  assert.deepEqual(
    [record.exitCode, record.startedAt, stateAfter(record)],
    [137, "2026-01-01T00:00:00Z", "exited"],
  );
  assert.match(record.message, /killed from outside/);
});
