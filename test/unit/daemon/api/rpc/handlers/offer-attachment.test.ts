import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { offerAttachment } from "../../../../../../engine/daemon/api/rpc/handlers/offer-attachment.ts";
import { defaultLimits } from "../../../../../../engine/daemon/api/rpc/message-decoder.ts";
import { RpcConnection } from "../../../../../../engine/daemon/api/rpc/rpc-connection.ts";
import { StreamServer } from "../../../../../../engine/daemon/api/rpc/stream-server.ts";
import { Streams } from "../../../../../../engine/daemon/api/rpc/streams.ts";
import { Log } from "../../../../../../engine/daemon/log.ts";
import { Attachment } from "../../../../../../engine/daemon/vms/machine/attachment.ts";
import { initialize } from "../../../../../../engine/protocol/engine.ts";
import { InitializeParams } from "../../../../../../engine/protocol/params/engine.ts";
import { VmAttachParams } from "../../../../../../engine/protocol/params/vm.ts";
import type { StreamRef } from "../../../../../../engine/protocol/stream.ts";
import { vmAttach } from "../../../../../../engine/protocol/vm.ts";
import { afterFile } from "../../../../../support/after-file.ts";
import { tmpDir } from "../../../../../support/tmp-dir.ts";
import { RpcClient } from "../rpc-client.ts";

const log = new Log(join(tmpDir(), "engine.jsonl"), "error");
const path = join(tmpDir(), "socket");
const streams = new Streams();
let attachment = new Attachment();
/** Resolves when the attachment may be answered. */
let ready: Promise<void> = Promise.resolve();
let asked: () => void = () => undefined;
let left: () => void = () => undefined;

const server = createServer((socket) => {
  const rpc = new RpcConnection(socket, log, defaultLimits);
  rpc.handle(initialize, InitializeParams, ({ protocolVersion }) => ({
    protocolVersion,
    engine: { version: "1.2.3", pid: 1 },
    capabilities: {},
  }));
  rpc.handle(vmAttach, VmAttachParams, async () => {
    asked();
    await ready;
    return { stream: offerAttachment(rpc, new StreamServer(streams, log), attachment), tty: false };
  });
  rpc.onClose(() => left());
  rpc.listen();
}).listen(path);
afterFile(() => void server.close());

test("a client that is gone before it has opened its stream leaves it closed", async () => {
  attachment = new Attachment();
  const client = await RpcClient.initialized(path);
  await client.request(vmAttach.method, { vm: "web" });
  client.socket.destroy();
  await attachment.closed;
});

test("so does one that is gone before it was answered", async () => {
  attachment = new Attachment();
  let release: () => void = () => undefined;
  ready = new Promise((resolve) => {
    release = resolve;
  });
  const received = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const client = await RpcClient.initialized(path);
  client.begin(vmAttach.method, { vm: "web" }).answer.catch(() => undefined);
  await received;
  const gone = new Promise<void>((resolve) => {
    left = resolve;
  });
  client.socket.destroy();
  await gone;
  release();
  await attachment.closed;
  ready = Promise.resolve();
});

test("a stream that its client has opened goes on without the connection that asked for it", async () => {
  attachment = new Attachment();
  const client = await RpcClient.initialized(path);
  const answer = await client.request(vmAttach.method, { vm: "web" });
  const far = join(tmpDir(), "stream");
  const streamServer = createServer().listen(far);
  const near = connect(far);
  const [socket] = await once(streamServer, "connection");
  streamServer.close();
  assert.ok(streams.open((answer.result as { stream: StreamRef }).stream.token, socket));
  client.socket.destroy();
  await nextTurn();
  await nextTurn();
  assert.ok(!socket.destroyed);
  near.destroy();
  await attachment.closed;
});
