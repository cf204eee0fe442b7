import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { addEventRoutes } from "../../../../../../engine/daemon/api/docker/routes/event-routes.ts";
import { EventFeed } from "../../../../../../engine/daemon/events/event-feed.ts";
import { EventLog } from "../../../../../../engine/daemon/events/event-log.ts";
import { type DockerClient, serveRoutes } from "../serve-routes.ts";

async function serve(): Promise<{ log: EventLog; client: DockerClient }> {
  const log = new EventLog();
  const client = await serveRoutes((router) => addEventRoutes(router, { events: new EventFeed(log) }));
  return { log, client };
}

const actor = { id: "c1", attributes: { name: "web", project: "demo" } };

test("a span of the past ends, of what is asked for alone", async () => {
  const { log, client } = await serve();
  log.publish("container", "start", actor);
  log.publish("container", "die", { id: "c2", attributes: {} });
  const label = encodeURIComponent('{"label":{"project=demo":true}}');
  const until = Date.now() / 1000 + 0.01;
  const { status, text } = await client.ask("GET", `/events?since=0&until=${until}&filters=${label}`);
  assert.equal(status, 200);
  const [event, ...more] = text.trim().split("\n");
  assert.deepEqual(more, []);
  const { time, timeNano, ...rest } = JSON.parse(event ?? "");
  assert.deepEqual(rest, {
    status: "start",
    id: "c1",
    Type: "container",
    Action: "start",
    Actor: { ID: "c1", Attributes: { name: "web", project: "demo" } },
    scope: "local",
  });
  const wrong = await client.ask("GET", "/events?since=5&until=1");
  assert.equal(wrong.status, 400);
});

test("headers come before events, and each event at once", async () => {
  const { log, client } = await serve();
  const answer = await client.open("GET", "/events");
  log.publish("network", "create", { id: "n1", attributes: {} });
  const [chunk] = await once(answer, "data");
  assert.match(String(chunk), /^\{"Type":"network","Action":"create".*\}\n$/);
  answer.destroy();
});

test("a client that does not read is dropped, and others are not", async () => {
  const { log, client } = await serve();
  const idle = await client.open("GET", "/events");
  const other = await client.open("GET", "/events");
  let bytes = 0;
  other.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  idle.pause();
  const dropped = once(idle, "error");
  const attributes = { name: "x".repeat(32 * 1024) };
  for (let i = 0; i < 200; i++) {
    log.publish("container", "start", { id: "c1", attributes });
    await new Promise(setImmediate);
  }
  idle.resume();
  const [error] = await dropped;
  assert.equal(error.code, "ECONNRESET");
  log.publish("container", "die", { id: "c1", attributes: {} });
  while (bytes < 200 * 32 * 1024) await once(other, "data");
  other.destroy();
});
