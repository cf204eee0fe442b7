import assert from "node:assert/strict";
import { test } from "node:test";
import type { VmSummary } from "../../../../engine/protocol/index.ts";
import { Stops, type StopsMemory } from "../../../../extension/engine/stops.ts";

const running: VmSummary = {
  id: "1",
  name: "web",
  image: "alpine",
  imageId: "sha256:a",
  command: ["sh"],
  createdAt: "2026-01-01T00:00:00Z",
  startedAt: "2026-01-01T00:00:01Z",
  state: "running",
  status: "Up 1 second",
  runtime: "krun",
  labels: {},
  mounts: [],
  networks: [],
  ports: [],
};
const killed: VmSummary = { ...running, state: "exited", exitCode: 137 };

function memory(): StopsMemory {
  let kept: Record<string, string> | undefined;
  return {
    get: () => kept,
    update: async (_key, value) => {
      kept = value;
    },
  };
}

test("a VM is stopping until it has ended, and then one that was stopped", async () => {
  const seen: unknown[] = [];
  const stops = new Stops(memory(), () => seen.push(stops.endingOf(running)));
  await stops.end(running, async () => undefined);
  assert.deepEqual(seen, ["stopping"]);
  // The news of its end comes after the answer.
  assert.equal(stops.endingOf(running), "stopping");
  assert.equal(stops.endingOf({ ...running, id: "2" }), undefined);
  assert.equal(stops.endingOf(killed), "stopped");
});

test("what ends a later run is not this window's stop", async () => {
  const stops = new Stops(memory(), () => undefined);
  await stops.end(running, async () => undefined);
  assert.equal(stops.endingOf({ ...killed, startedAt: "2026-01-01T00:05:00Z" }), undefined);
});

test("a stop that fails has stopped nothing", async () => {
  const seen: unknown[] = [];
  const stops = new Stops(memory(), () => seen.push(stops.endingOf(running)));
  await assert.rejects(
    stops.end(running, () => Promise.reject(new Error("no"))),
    /no/,
  );
  assert.deepEqual(seen, ["stopping", undefined]);
  assert.equal(stops.endingOf(running), undefined);
  assert.equal(stops.endingOf(killed), undefined);
});

test("the next window knows what was stopped, and of what still runs no more than it sees", async () => {
  const kept = memory();
  await new Stops(kept, () => undefined).end(running, async () => undefined);
  const stops = new Stops(kept, () => undefined);
  assert.equal(stops.endingOf(killed), "stopped");
  assert.equal(stops.endingOf(running), undefined);
  assert.equal(stops.endingOf({ ...killed, startedAt: "2026-01-01T00:05:00Z" }), undefined);
  await assert.rejects(
    stops.end(running, () => Promise.reject(new Error("no"))),
    /no/,
  );
  assert.equal(new Stops(kept, () => undefined).endingOf(killed), undefined);
});
