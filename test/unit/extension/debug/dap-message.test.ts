import assert from "node:assert/strict";
import { test } from "node:test";
import { DapDecoder, type DapMessage, encodeDap } from "../../../../extension/debug/dap-message.ts";

const messages: DapMessage[] = [
  { seq: 1, type: "request", command: "initialize", arguments: { adapterID: "mocker" } },
  {
    seq: 2,
    type: "response",
    request_seq: 1,
    success: true,
    command: "initialize",
    body: { text: "größer 🐍" },
  },
  { seq: 3, type: "event", event: "initialized" },
];

function decode(chunks: Iterable<Uint8Array>): { messages: DapMessage[]; text: string } {
  const found: DapMessage[] = [];
  let text = "";
  const decoder = new DapDecoder(
    (message) => found.push(message),
    (more) => {
      text += more;
    },
  );
  for (const chunk of chunks) decoder.push(chunk);
  return { messages: found, text };
}

test("messages come out as they went in, wherever the stream was cut", () => {
  const bytes = Buffer.concat(messages.map(encodeDap));
  for (let size = 1; size <= bytes.length; size++) {
    const chunks = [];
    for (let start = 0; start < bytes.length; start += size) chunks.push(bytes.subarray(start, start + size));
    assert.deepEqual(decode(chunks), { messages, text: "" }, `in pieces of ${size}`);
  }
});

test("what a runtime prints before and between messages is told apart", () => {
  const [first, second] = messages.map(encodeDap) as [Buffer, Buffer];
  const stream = Buffer.concat([Buffer.from("warning: Cont\n"), first, Buffer.from("noise\n"), second]);
  for (const size of [1, 7, stream.length]) {
    const chunks = [];
    for (let start = 0; start < stream.length; start += size)
      chunks.push(stream.subarray(start, start + size));
    assert.deepEqual(decode(chunks), { messages: messages.slice(0, 2), text: "warning: Cont\nnoise\n" });
  }
});

test("another header beside the length is none of our business", () => {
  const body = JSON.stringify(messages[2]);
  const text = `Content-Length: ${body.length}\r\nContent-Type: application/json\r\n\r\n${body}`;
  assert.deepEqual(decode([Buffer.from(text)]).messages, [messages[2]]);
});

test("a hostile adapter is refused, and keeps no memory", () => {
  for (const text of [
    "Content-Length: 99999999999\r\n\r\n",
    "Content-Length: x\r\n\r\n",
    `Content-Length: ${"1".repeat(5000)}`,
    "Content-Length: 2\r\n\r\n{}",
    "Content-Length: 2\r\n\r\n{,",
  ]) {
    assert.throws(() => decode([Buffer.from(text)]), text.slice(0, 40));
  }
});
