import assert from "node:assert/strict";
import { test } from "node:test";
import { type EngineEvent, EventLog } from "../../../../engine/daemon/events/event-log.ts";

const actor = { id: "a", attributes: {} };

test("events keep their order, also within one millisecond and when the clock is set back", () => {
  let nowMs = 1000;
  const log = new EventLog(10, () => nowMs);
  log.publish("container", "create", actor);
  log.publish("container", "start", actor);
  nowMs = 500;
  log.publish("container", "die", actor);
  nowMs = 2000;
  log.publish("container", "destroy", actor);
  assert.deepEqual(
    log.between().map(({ timeNs, action }) => [timeNs, action]),
    [
      [1_000_000_000n, "create"],
      [1_000_000_001n, "start"],
      [1_000_000_002n, "die"],
      [2_000_000_000n, "destroy"],
    ],
  );
});

test("a span of time has both of its ends", () => {
  const log = new EventLog(10, () => 1000);
  for (const action of ["a", "b", "c"]) log.publish("image", action, actor);
  const [, b] = log.between();
  assert.deepEqual(
    log.between({ sinceNs: b?.timeNs, untilNs: b?.timeNs }).map(({ action }) => action),
    ["b"],
  );
  assert.equal(log.between({ sinceNs: b?.timeNs }).length, 2);
});

test("only the latest are kept", () => {
  const log = new EventLog(3);
  for (const action of ["a", "b", "c", "d"]) log.publish("image", action, actor);
  assert.deepEqual(
    log.between().map(({ action }) => action),
    ["b", "c", "d"],
  );
});

test("a subscriber gets every event until it leaves, even if it leaves while one is delivered", () => {
  const log = new EventLog();
  const first: EngineEvent[] = [];
  const second: string[] = [];
  const subscription = log.subscribe((event) => {
    first.push(event);
    subscription.dispose();
  });
  log.subscribe(({ action }) => second.push(action));
  log.publish("container", "start", { id: "vm", attributes: { name: "web" } });
  log.publish("container", "die", actor);
  assert.deepEqual(
    first.map(({ type, action, actor }) => ({ type, action, actor })),
    [{ type: "container", action: "start", actor: { id: "vm", attributes: { name: "web" } } }],
  );
  assert.deepEqual(second, ["start", "die"]);
});
