import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { Attachment } from "../../../../../engine/daemon/vms/machine/attachment.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

/** Both ends of a connection. */
async function pair(path: string): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(path);
  await once(server, "listening");
  const near = connect({ path, allowHalfOpen: true });
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  return [near, far];
}

test("a client that comes after the VM's end reads all that it sent", async () => {
  const [monitor, monitorsEnd] = await pair(join(tmpDir(), "m"));
  const [client, clientsEnd] = await pair(join(tmpDir(), "c"));
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
  const [client, clientsEnd] = await pair(join(tmpDir(), "c"));
  const attachment = new Attachment();
  attachment.claim(clientsEnd);
  attachment.close();
  assert.equal((await client.toArray()).length, 0);
  await attachment.closed;
});
