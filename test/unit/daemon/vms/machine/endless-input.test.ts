import assert from "node:assert/strict";
import { test } from "node:test";
import { EndlessInput } from "../../../../../engine/daemon/vms/machine/endless-input.ts";
import { FrameType, frameHeader } from "../../../../../engine/protocol/stream.ts";

function frame(type: FrameType, payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([frameHeader(type, bytes.length), bytes]);
}

const end = frame(FrameType.stdin, "");
/** A payload that looks like an end of input, and an empty frame of another type, are none. */
const kept = [
  frame(FrameType.stdin, "a line\n"),
  frame(FrameType.stdin, Buffer.concat([end, end])),
  frame(FrameType.json, ""),
  frame(FrameType.stdin, Buffer.alloc(100_000, 7)),
];
const sent = Buffer.concat([end, ...kept.flatMap((one) => [one, end]), end]);

for (const cut of [1, 3, 8, 11, 4096, sent.length]) {
  test(`all frames but ends of input pass, cut into ${cut} bytes`, async () => {
    const input = new EndlessInput();
    const passed = input.toArray();
    for (let offset = 0; offset < sent.length; offset += cut) {
      if (!input.write(sent.subarray(offset, offset + cut)))
        await new Promise((resolve) => input.once("drain", resolve));
    }
    input.end();
    assert.ok(Buffer.concat(await passed).equals(Buffer.concat(kept)));
  });
}
