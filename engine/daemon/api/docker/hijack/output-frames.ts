import { FrameType, frameHeaderBytes, maxFramePayloadBytes } from "../../../../protocol/stream.ts";

export interface OutputOptions {
  /** Payloads alone, as of a terminal; otherwise frames, which are Docker's. */
  raw: boolean;
  stdout: boolean;
  stderr: boolean;
}

/**
 * What a client of Docker's gets of a process's frames (protocol/stream.ts): those of the outputs that it
 * asked for, as they came; no others.
 */
export class OutputFrames {
  readonly #raw: boolean;
  readonly #wanted: readonly number[];
  /** A header that came in parts. */
  readonly #head = Buffer.alloc(frameHeaderBytes);
  #headBytes = 0;
  /** Of the frame that has begun. */
  #payloadBytesLeft = 0;
  #passes = false;

  constructor({ raw, stdout, stderr }: OutputOptions) {
    this.#raw = raw;
    this.#wanted = [...(stdout ? [FrameType.stdout] : []), ...(stderr ? [FrameType.stderr] : [])];
  }

  /**
   * What to send of the next bytes: parts of `chunk`, but for a header that was split.
   * @throws RangeError on what no peer of ours sends
   */
  push(chunk: Buffer): Buffer[] {
    const run = new Run(chunk);
    for (let at = 0; at < chunk.length; ) {
      if (this.#payloadBytesLeft > 0) {
        const end = Math.min(at + this.#payloadBytesLeft, chunk.length);
        if (this.#passes) run.add(at, end);
        this.#payloadBytesLeft -= end - at;
        at = end;
        continue;
      }
      if (this.#headBytes === 0 && chunk.length - at >= frameHeaderBytes) {
        this.#begin(chunk, at);
        if (this.#passes && !this.#raw) run.add(at, at + frameHeaderBytes);
        at += frameHeaderBytes;
        continue;
      }
      const copied = chunk.copy(this.#head, this.#headBytes, at, at + frameHeaderBytes - this.#headBytes);
      at += copied;
      this.#headBytes += copied;
      if (this.#headBytes < frameHeaderBytes) continue;
      this.#headBytes = 0;
      this.#begin(this.#head, 0);
      if (this.#passes && !this.#raw) run.addApart(Buffer.from(this.#head));
    }
    return run.end();
  }

  #begin(header: Buffer, at: number): void {
    const type = header.readUInt8(at);
    const bytes = header.readUInt32BE(at + 4);
    if (type > FrameType.json || bytes > maxFramePayloadBytes)
      throw new RangeError(`invalid stream frame: type ${type}, ${bytes} bytes`);
    this.#passes = this.#wanted.includes(type);
    this.#payloadBytesLeft = bytes;
  }
}

/** Parts of one chunk, as few as there can be. */
class Run {
  readonly #chunk: Buffer;
  readonly #parts: Buffer[] = [];
  #start = 0;
  #end = 0;

  constructor(chunk: Buffer) {
    this.#chunk = chunk;
  }

  add(start: number, end: number): void {
    if (start !== this.#end) {
      this.#close();
      this.#start = start;
    }
    this.#end = end;
  }

  addApart(bytes: Buffer): void {
    this.#close();
    this.#parts.push(bytes);
  }

  end(): Buffer[] {
    this.#close();
    return this.#parts;
  }

  #close(): void {
    if (this.#end > this.#start) this.#parts.push(this.#chunk.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}
