import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, test } from "node:test";
import {
  WebSocketStream,
  webSocketHead,
} from "../../../../../../engine/daemon/api/docker/hijack/web-socket.ts";
import { socketPair } from "../../../../../support/socket-pair.ts";

const users: Socket[] = [];
afterEach(() => {
  for (const user of users.splice(0)) user.destroy();
});

async function connected(): Promise<[user: Socket, stream: WebSocketStream]> {
  const [user, server] = await socketPair();
  users.push(user);
  user.on("error", () => undefined);
  return [user, new WebSocketStream(server)];
}

/** A client's frame, masked as RFC 6455 has it. */
function frame(first: number, payload: Buffer): Buffer {
  const mask = Buffer.from([1, 2, 3, 250]);
  const length = Buffer.alloc(8);
  length.writeUInt32BE(payload.length, 4);
  const size =
    payload.length < 126
      ? Buffer.from([0x80 | payload.length])
      : payload.length < 65536
        ? Buffer.concat([Buffer.from([0x80 | 126]), length.subarray(6)])
        : Buffer.concat([Buffer.from([0x80 | 127]), length]);
  const masked = payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0));
  return Buffer.concat([Buffer.from([first]), size, mask, masked]);
}

test("the handshake is RFC 6455's, and nothing else is one", () => {
  const headers: Record<string, string> = {
    upgrade: "WebSocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const head = webSocketHead({ header: (name) => headers[name] });
  assert.match(head, /^HTTP\/1\.1 101 .*\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n\r\n$/s);
  assert.throws(() => webSocketHead({ header: () => undefined }), { status: 400 });
});

test("messages are bytes, of all lengths, in parts, and cut anywhere; pings are answered", async () => {
  const parts = [Buffer.from("a"), Buffer.alloc(126, "b"), Buffer.alloc(70_000, "c"), Buffer.from("d")];
  const sent = Buffer.concat([
    frame(0x01, parts[0] ?? Buffer.alloc(0)),
    frame(0x89, Buffer.from("ping")),
    frame(0x80, parts[1] ?? Buffer.alloc(0)),
    frame(0x82, parts[2] ?? Buffer.alloc(0)),
    frame(0x82, Buffer.alloc(0)),
    frame(0x82, parts[3] ?? Buffer.alloc(0)),
  ]);
  const expected = Buffer.concat(parts);
  for (const step of [1, 7, 1000, sent.length]) {
    const [user, stream] = await connected();
    for (let at = 0; at < sent.length; at += step) user.write(sent.subarray(at, at + step));
    let received: Buffer = Buffer.alloc(0);
    for await (const chunk of stream) {
      received = Buffer.concat([received, chunk]);
      if (received.length >= expected.length) break;
    }
    assert.ok(received.equals(expected), `in steps of ${step}`);
    const [pong] = await once(user, "data");
    assert.deepEqual(pong.subarray(0, 6), Buffer.from([0x8a, 4, ...Buffer.from("ping")]));
  }
});

test("what is written goes out in binary messages, and the end is told", async () => {
  const [user, stream] = await connected();
  stream.write("hi");
  stream.write(Buffer.alloc(300, "x"));
  stream.write(Buffer.alloc(70_000, "y"));
  stream.end();
  stream.once("finish", () => stream.destroy());
  const said = Buffer.concat(await user.toArray());
  assert.deepEqual(said.subarray(0, 4), Buffer.from([0x82, 2, ...Buffer.from("hi")]));
  assert.deepEqual(said.subarray(4, 8), Buffer.from([0x82, 126, 1, 44]));
  assert.deepEqual(said.subarray(308, 318), Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]));
  assert.deepEqual(said.subarray(-4), Buffer.from([0x88, 2, 0x03, 0xe8]));
});

test("a client that closes, or breaks the protocol, is let go", async () => {
  for (const [bytes, status] of [
    [frame(0x88, Buffer.from([0x03, 0xe8])), 1000],
    [Buffer.from([0x82, 1, 0x41]), 1002],
    [frame(0x83, Buffer.from("x")), 1002],
    [Buffer.from([0x89, 0xfe, 1, 0, 0, 0, 0, 0]), 1002],
  ] as const) {
    const [user, stream] = await connected();
    const closed = once(stream, "close");
    stream.resume();
    user.write(bytes);
    const said = Buffer.concat(await user.toArray());
    assert.deepEqual(said, Buffer.from([0x88, 2, status >> 8, status & 0xff]));
    await closed;
  }
});
