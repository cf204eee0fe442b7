import { Transform, type TransformCallback } from "node:stream";
import { FrameType, frameHeaderBytes } from "../../../protocol/stream.ts";

/** A client's frames (protocol/stream.ts) without those that end its input. */
export class EndlessInput extends Transform {
  /** The beginning of a header whose rest is still to come. */
  #head: Buffer = Buffer.alloc(0);
  /** Of the frame that has begun. */
  #payloadBytesLeft = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const data = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    let passed = 0;
    let offset = Math.min(this.#payloadBytesLeft, data.length);
    this.#payloadBytesLeft -= offset;
    while (data.length - offset >= frameHeaderBytes) {
      const payloadBytes = data.readUInt32BE(offset + 4);
      const next = offset + frameHeaderBytes;
      if (data[offset] === FrameType.stdin && payloadBytes === 0) {
        this.#pass(data.subarray(passed, offset));
        passed = next;
      }
      offset = Math.min(next + payloadBytes, data.length);
      this.#payloadBytesLeft = next + payloadBytes - offset;
    }
    // Of a payload everything passes; of a header only the whole says whether it does.
    this.#pass(data.subarray(passed, offset));
    this.#head = data.subarray(offset);
    done();
  }

  #pass(bytes: Buffer): void {
    if (bytes.length > 0) this.push(bytes);
  }
}
