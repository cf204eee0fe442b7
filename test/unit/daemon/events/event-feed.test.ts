import assert from "node:assert/strict";
import { test } from "node:test";
import { EventFeed } from "../../../../engine/daemon/events/event-feed.ts";
import { EventLog } from "../../../../engine/daemon/events/event-log.ts";
import type { EventMessage, EventsParams } from "../../../../engine/protocol/index.ts";

class Feed {
  nowMs = 1_000_000;
  readonly log = new EventLog(10, () => this.nowMs);
  readonly feed = new EventFeed(this.log, () => this.nowMs);
  readonly seen: string[] = [];
  readonly leaving = new AbortController();

  happens(action: string, name = "web"): void {
    this.log.publish("container", action, { id: "4f2a", attributes: { name } });
    this.nowMs += 1000;
  }

  watch(params: Omit<EventsParams, "progressToken">): Promise<void> {
    const onEvent = ({ action, timeNs }: EventMessage): void => {
      assert.match(timeNs, /^\d{13}$/);
      this.seen.push(action);
    };
    return this.feed.watch(params, { signal: this.leaving.signal, onEvent });
  }
}

test("who names no time is told what is still to come, until it leaves", async () => {
  const events = new Feed();
  events.happens("create");
  const watching = events.watch({});
  events.happens("start");
  events.happens("die");
  events.leaving.abort(new Error("left"));
  await assert.rejects(watching, /left/);
  events.happens("destroy");
  assert.deepEqual(events.seen, ["start", "die"]);
});

test("since begins with what is kept, and goes on", async () => {
  const events = new Feed();
  for (const action of ["create", "start"]) events.happens(action);
  const watching = events.watch({ since: "1001", filters: { container: ["web"] } });
  events.happens("die", "other");
  events.happens("stop");
  events.leaving.abort();
  await assert.rejects(watching);
  assert.deepEqual(events.seen, ["start", "stop"]);
});

test("until a time that is over ends at once, with what is kept up to then", async () => {
  const events = new Feed();
  for (const action of ["create", "start", "die"]) events.happens(action);
  await events.watch({ until: "1001" });
  assert.deepEqual(events.seen, ["create", "start"]);
  await assert.rejects(events.watch({ since: "1002", until: "1001" }), {
    message: "`since` time (1002) cannot be after `until` time (1001)",
  });
  await assert.rejects(events.watch({ until: "yesterday" }), { code: "INVALID_ARGUMENT" });
});
