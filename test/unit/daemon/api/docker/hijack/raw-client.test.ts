import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { text as textOf } from "node:stream/consumers";
import { afterEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import {
  RawClient,
  type RawClientOptions,
} from "../../../../../../engine/daemon/api/docker/hijack/raw-client.ts";
import { Attachment } from "../../../../../../engine/daemon/vms/machine/attachment.ts";
import { FrameDecoder, FrameType, frameHeader } from "../../../../../../engine/protocol/stream.ts";
import { retry } from "../../../../../support/retry.ts";
import { socketPair } from "../../../../../support/socket-pair.ts";

interface Setup {
  /** The user's end. */
  user: Socket;
  raw: RawClient;
  /** The monitor's end. */
  process: Socket;
  attachment: Attachment;
  /** What the process was given; `|` for the end of its input. */
  input(): string;
}

const users: Socket[] = [];
afterEach(() => {
  for (const user of users.splice(0)) user.destroy();
});

/** A user's connection, and its other end. */
async function connected(): Promise<[user: Socket, server: Socket]> {
  const pair = await socketPair();
  users.push(pair[0]);
  return pair;
}

async function setup(options: Partial<RawClientOptions> = {}): Promise<Setup> {
  const [user, server] = await connected();
  const [monitor, process] = await socketPair();
  const raw = new RawClient(server, { raw: false, stdout: true, stderr: true, stdin: true, ...options });
  const attachment = Attachment.of(monitor);
  attachment.claim(raw);
  let input = "";
  const decoder = new FrameDecoder((type, payload) => {
    assert.equal(type, FrameType.stdin);
    input += payload.length === 0 ? "|" : Buffer.from(payload).toString();
  });
  process.on("data", (chunk) => decoder.push(chunk));
  process.resume();
  process.on("error", () => undefined);
  user.on("error", () => undefined);
  return { user, raw, process, attachment, input: () => input };
}

function frame(type: FrameType, payload: string | Buffer): Buffer {
  return Buffer.concat([frameHeader(type, payload.length), Buffer.from(payload)]);
}

test("the end of the input ends neither the process's stream nor its output", async () => {
  const { user, process, attachment, input } = await setup();
  const said = textOf(user);
  user.write("hello");
  user.end(" you");
  await retry(() => input() === "hello you|", { what: "the input" });
  process.write(frame(FrameType.stdout, "later"));
  await setImmediate();
  process.end(frame(FrameType.json, '{"exit":{"code":0}}'));
  assert.equal(await said, frame(FrameType.stdout, "later").toString());
  await attachment.closed;
});

test("what a client sends that gives no input is dropped", async () => {
  const { user, process, attachment, input } = await setup({ stdin: false });
  user.end("hello");
  const said = textOf(user);
  await retry(() => process.readableEnded, { what: "the input's end" });
  process.end(frame(FrameType.stdout, "x"));
  assert.equal(await said, frame(FrameType.stdout, "x").toString());
  await attachment.closed;
  assert.equal(input(), "");
});

test("a terminal's bytes are raw, and the detach keys leave the process alone", async () => {
  let detached = 0;
  const { user, process, attachment, input } = await setup({
    raw: true,
    detachKeys: [16, 17],
    onDetach: () => detached++,
  });
  process.write(frame(FrameType.stdout, "prompt$ "));
  const [prompt] = await once(user, "data");
  assert.equal(String(prompt), "prompt$ ");
  user.write("a\x10b\x10");
  await retry(() => input() === "a\x10b", { what: "what is no detach key" });
  user.write("\x11after");
  await once(user, "end");
  await attachment.closed;
  assert.deepEqual([detached, input()], [1, "a\x10b"]);
});

test("a client that reads slowly holds up its own process, and gets everything", async () => {
  const { user, process, attachment } = await setup({ raw: true });
  user.pause();
  const payload = Buffer.alloc(1 << 20, "x");
  let written = 0;
  while (written < 64) {
    written++;
    if (!process.write(frame(FrameType.stdout, payload))) break;
    await setImmediate();
  }
  const other = await setup();
  other.process.end(frame(FrameType.stdout, "y"));
  assert.equal(await textOf(other.user), frame(FrameType.stdout, "y").toString());
  assert.ok(process.writableNeedDrain, "the process waits");
  process.end();
  let bytes = 0;
  for await (const chunk of user) bytes += chunk.length;
  assert.equal(bytes, written * payload.length);
  await attachment.closed;
});

test("a client that has gone is noticed, also when it had ended its input before", async () => {
  for (const endsFirst of [false, true]) {
    const { user, attachment, process } = await setup({ probeMs: 5 });
    const ended = once(process, "close");
    if (endsFirst) {
      user.end();
      await once(user, "finish");
    }
    user.destroy();
    await attachment.closed;
    process.end();
    await ended;
  }
});

test("a client that goes before there is a process is noticed", async () => {
  const [user, server] = await connected();
  const attachment = new Attachment();
  attachment.claim(
    new RawClient(server, { raw: false, stdout: true, stderr: true, stdin: true, probeMs: 5 }),
  );
  user.destroy();
  let closed = false;
  attachment.closed.then(() => {
    closed = true;
  });
  await retry(() => closed, { what: "the client's end" });
});

test("a stream ends when it is known how its process did, which clients ask for then", async () => {
  let know: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    know = resolve;
  });
  const { user, process } = await setup({ ended });
  let isOver = false;
  const said = textOf(user).finally(() => {
    isOver = true;
  });
  process.end(frame(FrameType.stdout, "last"));
  for (let turns = 0; turns < 20; turns++) await setImmediate();
  assert.equal(isOver, false);
  know();
  assert.match(await said, /last$/);
});

test("a failure is told in the output", async () => {
  for (const [raw, expected] of [
    [true, "no\r\n"],
    [false, frame(FrameType.stdout, "no\r\n").toString()],
  ] as const) {
    const [user, server] = await connected();
    new RawClient(server, { raw, stdout: true, stderr: true, stdin: false }).fail("no");
    assert.equal(await textOf(user), expected);
  }
});

test("input waits while nobody takes it", async () => {
  const [user, server] = await connected();
  const raw = new RawClient(server, { raw: true, stdout: true, stderr: true, stdin: true });
  const whole = Buffer.alloc(4 << 20, "x");
  user.end(whole);
  await retry(() => server.isPaused(), { what: "the connection waits" });
  assert.ok(raw.readableLength < whole.length / 2);
  let bytes = 0;
  let frames = 0;
  const decoder = new FrameDecoder((_, payload) => {
    bytes += payload.length;
    frames++;
  });
  for await (const chunk of raw.pipe(new PassThrough())) decoder.push(chunk);
  assert.equal(bytes, whole.length);
  assert.ok(frames > 1);
  raw.destroy();
});
