import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Attachment } from "../../../../../engine/daemon/vms/machine/attachment.ts";
import { socketPair } from "../../../../support/socket-pair.ts";

test("a client that comes after the VM's end reads all that it sent", async () => {
  const [monitor, monitorsEnd] = await socketPair();
  const [client, clientsEnd] = await socketPair();
  const attachment = new Attachment();
  attachment.connect(monitor);
  monitorsEnd.end("last words");
  attachment.claim(clientsEnd);
  let text = "";
  for await (const chunk of client) text += String(chunk);
  assert.equal(text, "last words");
  client.end();
  await attachment.closed;
});

test("a client that waits for a start which will not come is let go", async () => {
  const [client, clientsEnd] = await socketPair();
  const attachment = new Attachment();
  attachment.claim(clientsEnd);
  attachment.close();
  assert.equal((await client.toArray()).length, 0);
  await attachment.closed;
});

test("a client that has gone before it is given the stream holds nothing", async () => {
  const [monitor, monitorsEnd] = await socketPair();
  const [client, clientsEnd] = await socketPair();
  const attachment = Attachment.of(monitor);
  client.destroy();
  clientsEnd.resume();
  clientsEnd.end();
  await once(clientsEnd, "close");
  attachment.claim(clientsEnd);
  await attachment.closed;
  monitorsEnd.resume();
  await once(monitorsEnd, "end");
  monitorsEnd.destroy();
});
