import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { ExecTable } from "../../../../../engine/daemon/vms/exec-table.ts";
import { Exec } from "../../../../../engine/daemon/vms/machine/exec.ts";

function exec(id = "e", vmId = "vm"): Exec {
  const process = {
    stream: id,
    argv: ["true"],
    env: [],
    cwd: "/",
    user: "",
    tty: false,
    rows: 24,
    cols: 80,
    stdin: false,
  };
  return new Exec({ vmId, process });
}

test("an exec is created, runs, and keeps its first exit code", async () => {
  const one = exec();
  assert.deepEqual([one.state, one.pid, one.exitCode], ["created", 0, undefined]);
  one.started(7);
  assert.deepEqual([one.state, one.pid, one.exitCode], ["running", 7, undefined]);
  one.ended(3);
  one.ended(4);
  one.machineEnded();
  assert.deepEqual([one.state, one.pid, one.exitCode], ["exited", 7, 3]);
  assert.equal(await one.exited, 3);
});

test("an exec is started once, as its start says", async () => {
  const one = exec();
  one.begin({ detach: true, size: { rows: 5, columns: 6 } });
  assert.deepEqual([one.process.detach, one.process.rows, one.process.cols], [true, 5, 6]);
  assert.throws(() => one.begin({}), {
    code: "VM_RUNNING",
    message: /^exec command e is already running$/,
  });
  one.ended(0);
  await one.settled;
  assert.throws(() => one.begin({}), { message: /has already run$/ });
});

test("an exec whose end is told before its start was answered has ended", () => {
  const one = exec();
  one.ended(0);
  one.started(7);
  assert.equal(one.state, "exited");
});

test("an exec ends with its machine as if it was killed", () => {
  const one = exec();
  one.started(7);
  one.machineEnded();
  assert.equal(one.exitCode, 137);
});

test("an exec is found for five minutes after its end, and as long as it runs", async () => {
  mock.timers.enable({ apis: ["Date"], now: 0 });
  try {
    const table = new ExecTable();
    const [brief, long] = [exec("brief"), exec("long")];
    for (const one of [brief, long]) {
      table.add(one);
      one.started(1);
    }
    mock.timers.setTime(60 * 60_000);
    brief.ended(5);
    await brief.exited;
    mock.timers.setTime(65 * 60_000 - 1);
    assert.equal(table.find("brief").exitCode, 5);
    mock.timers.setTime(65 * 60_000);
    assert.throws(() => table.find("brief"), {
      code: "VM_NOT_FOUND",
      message: "No such exec instance: brief",
    });
    assert.equal(table.find("long"), long);
  } finally {
    mock.timers.reset();
  }
});

test("of many that have ended the latest are kept, and all that run", async () => {
  const table = new ExecTable();
  const running = exec("running");
  table.add(running);
  running.started(1);
  for (let n = 0; n < 3000; n++) {
    const one = exec(`e${n}`);
    table.add(one);
    one.started(1);
    one.ended(0);
    await one.exited;
  }
  assert.equal(table.find("running"), running);
  assert.equal(table.find("e2999").exitCode, 0);
  assert.equal(table.find("e2000").exitCode, 0);
  assert.throws(() => table.find("e0"), { code: "VM_NOT_FOUND" });
});

test("a VM that is removed takes its execs along", () => {
  const table = new ExecTable();
  table.add(exec("one", "vm1"));
  table.add(exec("two", "vm2"));
  table.removeOf("vm1");
  assert.throws(() => table.find("one"), { code: "VM_NOT_FOUND" });
  assert.equal(table.find("two").id, "two");
});
