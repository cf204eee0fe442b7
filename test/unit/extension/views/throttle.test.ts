import assert from "node:assert/strict";
import { test } from "node:test";
import { Throttle } from "../../../../extension/views/throttle.ts";

test("the first change is immediate, those that follow closely are one, a later one is immediate again", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let runs = 0;
  const throttle = new Throttle(210, () => {
    runs++;
  });
  throttle.request();
  assert.equal(runs, 1);
  for (let time = 0; time < 200; time += 20) {
    throttle.request();
    context.mock.timers.tick(20);
  }
  assert.equal(runs, 1);
  context.mock.timers.tick(10);
  assert.equal(runs, 2);
  // Nothing was asked for since.
  context.mock.timers.tick(1000);
  assert.equal(runs, 2);
  throttle.request();
  assert.equal(runs, 3);
});

test("changes that never end are shown at the pace, not held back until they end", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let runs = 0;
  const throttle = new Throttle(210, () => {
    runs++;
  });
  for (let time = 0; time < 2100; time += 30) {
    throttle.request();
    context.mock.timers.tick(30);
  }
  assert.ok(runs >= 10 && runs <= 11, String(runs));
  throttle.dispose();
  context.mock.timers.tick(1000);
  assert.ok(runs <= 11);
});
