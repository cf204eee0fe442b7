import assert from "node:assert/strict";
import { test } from "node:test";
import {
  OutputFrames,
  type OutputOptions,
} from "../../../../../../engine/daemon/api/docker/hijack/output-frames.ts";
import { FrameType, frameHeader } from "../../../../../../engine/protocol/stream.ts";

function frame(type: FrameType, text: string): Buffer {
  return Buffer.concat([frameHeader(type, text.length), Buffer.from(text)]);
}

const one = frame(FrameType.stdout, "one\n");
const two = frame(FrameType.stderr, "two\n");
const nothing = frame(FrameType.stdout, "");
const three = frame(FrameType.stdout, "three\n");
const exit = frame(FrameType.json, '{"exit":{"code":0}}');
const stream = Buffer.concat([one, frame(FrameType.json, "{}"), two, nothing, three, exit]);

const wanted: [OutputOptions, Buffer][] = [
  [{ raw: false, stdout: true, stderr: true }, Buffer.concat([one, two, nothing, three])],
  [{ raw: false, stdout: false, stderr: true }, two],
  [{ raw: true, stdout: true, stderr: true }, Buffer.from("one\ntwo\nthree\n")],
  [{ raw: true, stdout: true, stderr: false }, Buffer.from("one\nthree\n")],
  [{ raw: false, stdout: false, stderr: false }, Buffer.alloc(0)],
];

test("the outputs that were asked for pass, as frames or raw, wherever the bytes are cut", () => {
  for (const [options, expected] of wanted) {
    for (let first = 0; first <= stream.length; first++) {
      for (const second of [first, first + 1, first + 9]) {
        const output = new OutputFrames(options);
        const cuts = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)];
        const parts = cuts.flatMap((cut) => output.push(cut));
        assert.deepEqual(Buffer.concat(parts), expected, `cut at ${first} and ${second}`);
      }
    }
  }
});

test("what passes is not copied, and comes in as few parts as there can be", () => {
  const both = Buffer.concat([one, two, three]);
  const parts = new OutputFrames({ raw: false, stdout: true, stderr: true }).push(both);
  assert.deepEqual(parts, [both]);
  assert.equal(parts[0]?.buffer, both.buffer);
});

test("what is no frame is refused", () => {
  const output = new OutputFrames({ raw: false, stdout: true, stderr: true });
  assert.throws(() => output.push(Buffer.from("HTTP/1.1 200 OK")), RangeError);
});
