import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defaultLimits,
  FramingError,
  MessageDecoder,
} from "../../../../../engine/daemon/api/rpc/message-decoder.ts";

const limits = { ...defaultLimits, headerBytes: 64, bodyBytes: 1000, depth: 4 };

function frame(json: string): Buffer {
  return Buffer.from(`Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`);
}

/** What comes out of the bytes, cut into chunks of `size`. */
function decode(bytes: Buffer, size = bytes.length): unknown[] {
  const decoder = new MessageDecoder(limits);
  const messages = [];
  for (let at = 0; at < bytes.length; at += size)
    messages.push(...decoder.push(bytes.subarray(at, at + size)));
  assert.equal(decoder.isPartial, false);
  return messages;
}

test("messages come out whole, however the bytes are cut", () => {
  const first = { jsonrpc: "2.0", method: "ünï", params: { text: 'a "quoted" [[[[[{{{{{ \\ text' } };
  const second = { jsonrpc: "2.0", id: 1, result: [{ a: [] }] };
  const bytes = Buffer.concat([frame(JSON.stringify(first)), frame(JSON.stringify(second))]);
  for (let size = 1; size <= bytes.length; size++) assert.deepEqual(decode(bytes, size), [first, second]);
});

test("other header fields are skipped, and names are read in any case", () => {
  const header = "Content-Type: application/vscode-jsonrpc\r\ncontent-length:2\r\n\r\n";
  assert.deepEqual(decode(Buffer.from(`${header}{}`)), [{}]);
});

test("a message that has begun is partial", () => {
  const bytes = frame('{"a":1}');
  const decoder = new MessageDecoder(limits);
  assert.equal(decoder.isPartial, false);
  for (const end of [1, 10, bytes.length - 1]) {
    const half = new MessageDecoder(limits);
    assert.deepEqual([...half.push(bytes.subarray(0, end))], []);
    assert.equal(half.isPartial, true);
  }
});

for (const [name, bytes, words] of [
  ["a header that does not end", Buffer.alloc(64, "a"), /header is longer than 64 bytes/],
  ["a long header that ends", Buffer.from(`X: ${"a".repeat(64)}\r\n\r\n`), /header is longer than 64 bytes/],
  ["a header without a length", Buffer.from("X: 5\r\n\r\n"), /no Content-Length/],
  ["a length that is no number", Buffer.from("Content-Length: 5x\r\n\r\n"), /no Content-Length/],
  ["a negative length", Buffer.from("Content-Length: -5\r\n\r\n"), /no Content-Length/],
  ["an empty body", Buffer.from("Content-Length: 0\r\n\r\n"), /no Content-Length/],
  [
    "a long body, before it comes",
    Buffer.from("Content-Length: 1001\r\n\r\n"),
    /1001 bytes is longer than 1000/,
  ],
  ["a body that is not JSON", frame("{oh no}"), /is not JSON/],
  ["a batch", frame("[{}]"), /is not an object/],
  ["a number", frame("5"), /is not an object/],
  ["deep arrays", frame(`{"a":${"[".repeat(4)}`), /nested deeper than 4/],
  ["deep objects after a string", frame(`{"\\"[":${'{"a":'.repeat(4)}`), /nested deeper than 4/],
] satisfies [string, Buffer, RegExp][]) {
  test(`refused: ${name}`, () => {
    const refused = (error: Error): boolean => error instanceof FramingError && words.test(error.message);
    assert.throws(() => decode(bytes), refused);
    assert.throws(() => decode(bytes, 1), refused);
  });
}

test("a body of the greatest length is taken", () => {
  const message = { a: "x".repeat(1000 - '{"a":""}'.length) };
  assert.deepEqual(decode(frame(JSON.stringify(message)), 100), [message]);
});
