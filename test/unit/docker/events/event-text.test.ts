import assert from "node:assert/strict";
import { test } from "node:test";
import { eventFields, eventJson, eventLine } from "../../../../engine/docker/events/event-text.ts";
import type { EventMessage } from "../../../../engine/protocol/index.ts";

const die: EventMessage = {
  timeNs: "1767323045000000006",
  type: "container",
  action: "die",
  id: "4f2a",
  attributes: { name: "web", exitCode: "0", image: "alpine" },
};
const destroy: EventMessage = { ...die, type: "volume", action: "destroy", id: "data", attributes: {} };

test("a line has nine digits of the second, and attributes in alphabetical order", () => {
  assert.match(
    eventLine(die),
    /^2026-01-0\dT\d\d:\d\d:05\.000000006(Z|[+-]\d\d:\d\d) container die 4f2a \(exitCode=0, image=alpine, name=web\)$/,
  );
  assert.match(eventLine(destroy), / volume destroy data$/);
});

test("JSON has the old members of containers alone, and the time to the nanosecond", () => {
  assert.equal(
    eventJson(die),
    '{"status":"die","id":"4f2a","from":"alpine","Type":"container","Action":"die",' +
      '"Actor":{"ID":"4f2a","Attributes":{"exitCode":"0","image":"alpine","name":"web"}},' +
      '"scope":"local","time":1767323045,"timeNano":1767323045000000006}',
  );
  assert.equal(
    eventJson(destroy),
    '{"Type":"volume","Action":"destroy","Actor":{"ID":"data","Attributes":{}},' +
      '"scope":"local","time":1767323045,"timeNano":1767323045000000006}',
  );
});

test("a template's fields are Docker's", () => {
  const fields = eventFields(die);
  assert.deepEqual(Object.keys(fields), [
    "Status",
    "ID",
    "From",
    "Type",
    "Action",
    "Actor",
    "Scope",
    "Time",
    "TimeNano",
  ]);
});
