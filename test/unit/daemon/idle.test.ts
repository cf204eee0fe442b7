import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Idle } from "../../../engine/daemon/idle.ts";

let isBusy = false;
let ended = 0;

function idle(ms = 1000): Idle {
  return new Idle({ ms, isBusy: () => isBusy, onIdle: () => ended++ });
}

beforeEach(() => {
  isBusy = false;
  ended = 0;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("the engine is idle some time after its last client has left", () => {
  const subject = idle();
  const release = [subject.hold(), subject.hold()];
  mock.timers.tick(5000);
  release[0]?.();
  release[0]?.();
  mock.timers.tick(5000);
  assert.equal(ended, 0, "one client is left, however often the other says that it has gone");
  release[1]?.();
  mock.timers.tick(999);
  assert.equal(ended, 0);
  mock.timers.tick(1);
  assert.equal(ended, 1);
});

test("a client that comes in time keeps the engine", () => {
  const subject = idle();
  subject.check();
  mock.timers.tick(999);
  subject.hold();
  mock.timers.tick(5000);
  assert.equal(ended, 0);
});

test("an engine that is busy is not idle, until it is told to look again", () => {
  isBusy = true;
  const subject = idle();
  subject.hold()();
  mock.timers.tick(5000);
  assert.equal(ended, 0);
  isBusy = false;
  subject.check();
  mock.timers.tick(1000);
  assert.equal(ended, 1);
});

test("no time means for ever", () => {
  idle(0).check();
  mock.timers.tick(1_000_000);
  assert.equal(ended, 0);
});
