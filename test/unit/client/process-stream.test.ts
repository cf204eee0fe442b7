import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { dial } from "../../../engine/client/engine-socket.ts";
import { ProcessStream, type StreamEnd } from "../../../engine/client/process-stream.ts";
import { FrameType } from "../../../engine/protocol/index.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { StreamPeer } from "./fake-engine.ts";

const path = join(tmpDir(), "engine.sock");
let server: Server;
before(async () => {
  server = createServer({ allowHalfOpen: true });
  server.listen(path);
  await once(server, "listening");
});
after(() => server.close());

async function open() {
  const accepted = once(server, "connection");
  const socket = await dial(path);
  assert.ok(socket);
  const peer = new StreamPeer((await accepted)[0] as Socket);
  peer.listen();
  const output: string[] = [];
  const stream = new ProcessStream(socket, {
    onOutput: (bytes, isStderr) => output.push(`${isStderr ? "err" : "out"}:${Buffer.from(bytes)}`),
  });
  return { peer, stream, output };
}

test("output comes before the end, and what follows the end is not heard", async () => {
  const { peer, stream, output } = await open();
  peer.send(FrameType.stdout, "a");
  peer.send(FrameType.stderr, "b");
  peer.exit(3);
  assert.deepEqual(await stream.ended, { kind: "exit", exitCode: 3, reason: undefined } satisfies StreamEnd);
  assert.deepEqual(output, ["out:a", "err:b"]);
});

test("an error frame, bytes that are no frames, and a stream that just ends", async () => {
  const broken = await open();
  broken.peer.error("VM_FAILED", "it broke", "mend it");
  const end = await broken.stream.ended;
  assert.ok(end.kind === "error");
  assert.deepEqual([end.error.code, end.error.message, end.error.hint], ["VM_FAILED", "it broke", "mend it"]);

  const invalid = await open();
  invalid.peer.socket.write("no frame at all");
  const refused = await invalid.stream.ended;
  assert.ok(refused.kind === "error" && refused.error.code === "INTERNAL");
  invalid.peer.socket.destroy();

  const closed = await open();
  closed.peer.socket.end();
  assert.deepEqual(await closed.stream.ended, { kind: "closed" });
});

test("input is cut into frames that a peer takes, and is sent before the stream is dropped", async () => {
  const { peer, stream } = await open();
  const input = Buffer.alloc(600 * 1024, "x");
  stream.write(input);
  stream.endInput();
  stream.close();
  await peer.until((frames) => frames.at(-1)?.payload.length === 0);
  assert.deepEqual(
    peer.received.map(({ type, payload }) => [type, payload.length]),
    [256 * 1024, 256 * 1024, 88 * 1024, 0].map((length) => [FrameType.stdin, length]),
  );
  assert.ok(peer.stdin().equals(input));
  peer.socket.destroy();
});
