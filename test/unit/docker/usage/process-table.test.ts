import assert from "node:assert/strict";
import { test } from "node:test";
import {
  chooseColumns,
  type MachineFacts,
  type ProcessFacts,
  processTable,
} from "../../../../engine/docker/usage/process-table.ts";

const minuteMs = 60_000;
/** Noon here, so that some hours before is the same day. */
const now = new Date(2026, 4, 10, 12, 0, 0);
const machine: MachineFacts = {
  nowMs: now.getTime(),
  bootMs: 3 * 86_400_000,
  memoryBytes: 1024 * 1024 * 1024,
};

function process(changes: Partial<ProcessFacts>): ProcessFacts {
  return {
    pid: 2,
    ppid: 1,
    pgid: 2,
    sid: 2,
    tty: "?",
    state: "S",
    uid: 0,
    ruid: 0,
    user: "root",
    ruser: "root",
    gid: 0,
    group: "root",
    rgroup: "root",
    threads: 1,
    nice: 0,
    priority: 20,
    cpuTicks: 0,
    startTicks: (machine.bootMs - 30 * minuteMs) / 10,
    virtualKiB: 4096,
    residentKiB: 1024,
    name: "sleep",
    command: "sleep 1000",
    ...changes,
  };
}

function table(psArgs: string, ...processes: Partial<ProcessFacts>[]): string[] {
  const { titles, rows } = processTable(chooseColumns(psArgs), processes.map(process), machine);
  return [titles, ...rows].map((cells) => cells.join("|"));
}

test("without options it is ps -ef, in the order of pids", () => {
  const busy = {
    pid: 9,
    user: "www",
    cpuTicks: 90_500,
    tty: "pts/0",
    name: "nginx",
    command: "nginx: worker",
  };
  const old = { pid: 5, startTicks: 0, cpuTicks: 9_000_000, state: "Z", name: "gone", command: "" };
  const expected = [
    "UID|PID|PPID|C|STIME|TTY|TIME|CMD",
    "root|5|1|34|May07|?|1-01:00:00|[gone] <defunct>",
    "www|9|1|50|11:30|pts/0|00:15:05|nginx: worker",
  ];
  assert.deepEqual(table("", busy, old), expected);
  assert.deepEqual(table("-ef", busy, old), expected);
  assert.deepEqual(table("-e -f -w", busy, old), expected);
});

test("BSD's options have BSD's columns", () => {
  assert.deepEqual(table("aux", { nice: 5, threads: 3, cpuTicks: 12_345 }), [
    "USER|PID|%CPU|%MEM|VSZ|RSS|TTY|STAT|START|TIME|COMMAND",
    "root|2|6.9|0.1|4096|1024|?|SNsl|11:30|2:03|sleep 1000",
  ]);
  assert.equal(table("ax", {})[0], "PID|TTY|STAT|TIME|COMMAND");
  assert.deepEqual(table("-e", {}), ["PID|TTY|TIME|CMD", "2|?|00:00:00|sleep"]);
});

test("-o chooses columns, also in several lists and under other titles", () => {
  for (const psArgs of [
    "-o pid,comm",
    "-opid,comm",
    "-o pid -o comm",
    "-eo pid,comm",
    "--format=pid,comm",
    "o pid,comm",
  ]) {
    assert.deepEqual(table(psArgs, {}), ["PID|COMMAND", "2|sleep"], psArgs);
  }
  assert.deepEqual(table("-o pid,etime=AGE,nlwp=", {}), ["PID|AGE|", "2|30:00|1"]);
});

test("what ps refuses is refused in its words, and a list without PID in Docker's", () => {
  const cases: [string, string][] = [
    ["-o pid,foo", 'ps: error: unknown user-defined format specifier "foo"'],
    ["-o", "ps: error: list of format specifiers must follow -o"],
    ["-Z", "ps: error: unsupported option (UNIX syntax)"],
    ["--forest", "ps: error: unsupported option (GNU long syntax)"],
    ["-o comm", "Couldn't find PID field in ps output"],
  ];
  for (const [psArgs, message] of cases) {
    assert.throws(() => chooseColumns(psArgs), { code: "INVALID_ARGUMENT", message }, psArgs);
  }
});
