import assert from "node:assert/strict";
import { test } from "node:test";
import { MockerError } from "../../../../engine/protocol/index.ts";
import { parseTask, statusOf } from "../../../../extension/tasks/task-definition.ts";

test("a task runs a configuration", () => {
  assert.deepEqual(parseTask({ type: "mocker", run: "web" }), { kind: "run", configuration: "web" });
});

test("a command that is one text goes to the VM's shell, words do not", () => {
  assert.deepEqual(parseTask({ type: "mocker", exec: "make | tee log", vm: "web" }), {
    kind: "exec",
    vm: "web",
    command: ["/bin/sh", "-c", "make | tee log"],
    env: [],
  });
  const exec = ["tsc", "--noEmit"];
  assert.deepEqual(
    parseTask({ type: "mocker", exec, vm: "web", cwd: "/srv", env: { A: "1", B: 2 }, user: "node" }),
    { kind: "exec", vm: "web", command: exec, cwd: "/srv", env: ["A=1", "B=2"], user: "node" },
  );
});

test("a task that cannot be run says what is wrong with it, and how to write one", () => {
  const wrong: [object, RegExp][] = [
    [{}, /either run or exec/],
    [{ run: "web", exec: "ls", vm: "web" }, /either run or exec/],
    [{ run: 1 }, /name of a run configuration/],
    [{ exec: "ls" }, /in which VM/],
    [{ exec: [], vm: "web" }, /command nor a list/],
    [{ exec: ["ls", 1], vm: "web" }, /command nor a list/],
    [{ exec: "ls", vm: "web", env: ["A=1"] }, /object of variables/],
  ];
  for (const [definition, message] of wrong) {
    assert.throws(
      () => parseTask({ type: "mocker", ...definition }),
      (error) =>
        error instanceof MockerError && message.test(error.message) && /"run"/.test(error.hint ?? ""),
    );
  }
});

test("what did not start has the status that a shell gives", () => {
  assert.equal(statusOf(new MockerError("COMMAND_NOT_FOUND", "")), 127);
  assert.equal(statusOf(new MockerError("COMMAND_NOT_EXECUTABLE", "")), 126);
  assert.equal(statusOf(new MockerError("VM_NOT_RUNNING", "")), 125);
});
