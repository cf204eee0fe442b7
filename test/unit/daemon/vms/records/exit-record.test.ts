import assert from "node:assert/strict";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { mock, test } from "node:test";
import {
  cancelledStart,
  failedStart,
  keepExit,
  killedMonitor,
  startExitCode,
  stateAfter,
  toldExit,
  unreadableExit,
} from "../../../../../engine/daemon/vms/records/exit-record.ts";
import { VmFiles } from "../../../../../engine/daemon/vms/records/vm-record.ts";
import { MockerError } from "../../../../../engine/protocol/errors.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

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

test("a record that the disk does not take is written when it does, unless the VM runs again or is gone", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const files = new VmFiles(join(tmpDir(), "vm"));
    const errors: unknown[] = [];
    let isRunning = false;
    const begin = (): void => {
      // A directory in its place: a rename cannot replace it.
      mkdirSync(join(files.exitPath, "in the way"), { recursive: true });
      const handlers = { isRunning: () => isRunning, onError: (error: unknown) => errors.push(error) };
      keepExit(files, killedMonitor(null), handlers);
    };
    begin();
    mock.timers.tick(60_000);
    assert.equal(errors.length, 1);
    rmSync(files.exitPath, { recursive: true });
    mock.timers.tick(5000);
    assert.equal((await files.readExit())?.exitCode, 137);
    rmSync(files.exitPath);
    begin();
    rmSync(files.exitPath, { recursive: true });
    isRunning = true;
    mock.timers.tick(60_000);
    assert.equal(existsSync(files.exitPath), false);
    isRunning = false;
    begin();
    rmSync(files.dir, { recursive: true });
    mock.timers.tick(60_000);
    assert.equal(existsSync(files.dir), false);
  } finally {
    mock.timers.reset();
  }
});

test("what a monitor tells of an end counts when it makes sense", () => {
  const exit = killedMonitor("2026-01-01T00:00:00Z");
  assert.deepEqual(toldExit(exit), exit);
  assert.deepEqual([null, {}, { ...exit, exitCode: "7" }, { ...exit, version: 9 }].map(toldExit), [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("an end that nobody knows is an end", () => {
  const record = unreadableExit("exit.json is damaged", new Date(0));
  assert.deepEqual(
    [record.exitCode, record.finishedAt, stateAfter(record), record.message],
    [255, "1970-01-01T00:00:00.000Z", "exited", "how it ended is not known: exit.json is damaged"],
  );
});
