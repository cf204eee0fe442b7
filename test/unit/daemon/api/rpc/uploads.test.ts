import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { Streams } from "../../../../../engine/daemon/api/rpc/streams.ts";
import { Uploads } from "../../../../../engine/daemon/api/rpc/uploads.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

/** An upload whose client has connected and sends; and the engine's end of its stream. */
async function upload(): Promise<{ uploads: Uploads; name: string; socket: Socket }> {
  const streams = new Streams();
  const uploads = new Uploads(streams);
  const begun = uploads.begin();
  const path = join(tmpDir(), "socket");
  const server = createServer().listen(path);
  await once(server, "listening");
  after(() => server.close());
  const client = connect(path);
  client.on("error", () => {});
  client.write(Buffer.alloc(1 << 20));
  const [socket] = (await once(server, "connection")) as [Socket];
  assert.ok(streams.open(begun.stream.token, socket));
  return { uploads, name: begun.upload, socket };
}

test("an upload that is refused before anybody reads it is closed", async () => {
  const { uploads, name, socket } = await upload();
  const refused = uploads.take(name, new AbortController().signal, () => Promise.reject(new Error("no")));
  await assert.rejects(refused, /^Error: no$/);
  if (!socket.destroyed) await once(socket, "close");
  assert.ok(socket.destroyed);
});

test("an upload that nobody reads and whose client never comes harms nobody", async () => {
  const uploads = new Uploads(new Streams());
  const { upload: name } = uploads.begin();
  const controller = new AbortController();
  const taken = uploads.take(name, controller.signal, () => Promise.reject(new Error("no")));
  controller.abort();
  await assert.rejects(taken, /^Error: no$/);
});

test("who waits for an upload whose client never comes can give up", async () => {
  const uploads = new Uploads(new Streams());
  const { upload: name } = uploads.begin();
  const controller = new AbortController();
  const taken = uploads.take(name, controller.signal, async (chunks) => {
    for await (const _ of chunks);
  });
  const reason = new Error("given up");
  controller.abort(reason);
  await assert.rejects(taken, reason);
});
