import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { signalNumber } from "../../../engine/docker/signals.ts";
import { MockerError } from "../../../engine/protocol/errors.ts";

test("a signal is a name with or without SIG, in any case, or a number", () => {
  for (const text of ["TERM", "SIGTERM", "term", "SigTerm", " 15 ", "15"])
    assert.equal(signalNumber(text), 15);
});

test("names have their numbers in Linux", () => {
  const linux =
    "HUP 1, INT 2, QUIT 3, ABRT 6, IOT 6, BUS 7, KILL 9, USR1 10, SEGV 11, USR2 12, PIPE 13, ALRM 14";
  const more =
    "STKFLT 16, CHLD 17, CLD 17, CONT 18, STOP 19, TSTP 20, URG 23, WINCH 28, IO 29, POLL 29, PWR 30, SYS 31";
  for (const entry of `${linux}, ${more}`.split(", ")) {
    const [name = "", number] = entry.split(" ");
    assert.equal(signalNumber(name), Number(number), name);
  }
});

// On a Linux this says that the table is right; on another host, that it is not the host's that counts.
test("this host's own numbers do not matter", () => {
  const host = constants.signals;
  try {
    for (const [name, number] of Object.entries(host)) {
      if (process.platform === "linux") assert.equal(signalNumber(name), number, name);
    }
    Object.defineProperty(constants, "signals", { value: { SIGUSR1: 30 }, configurable: true });
    assert.equal(signalNumber("USR1"), 10);
  } finally {
    Object.defineProperty(constants, "signals", { value: host, configurable: true });
  }
});

test("real-time signals are counted from their ends", () => {
  const cases: [string, number][] = [
    ["RTMIN", 34],
    ["SIGRTMIN+3", 37],
    ["rtmin+15", 49],
    ["RTMAX", 64],
    ["SIGRTMAX-14", 50],
    ["64", 64],
  ];
  for (const [text, number] of cases) assert.equal(signalNumber(text), number, text);
});

test("what is no signal is refused in the user's words", () => {
  for (const text of [
    "",
    "0",
    "65",
    "-1",
    "1.5",
    "SIG",
    "SIGSIGTERM",
    "NOPE",
    "RTMIN-1",
    "RTMAX+1",
    "RTMIN+31",
  ]) {
    assert.throws(
      () => signalNumber(text),
      (error) =>
        error instanceof MockerError &&
        error.code === "INVALID_ARGUMENT" &&
        error.message === `invalid signal: ${text}`,
      text,
    );
  }
});
