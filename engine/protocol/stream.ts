/**
 * Bulk bytes never travel in JSON. A reply names a stream; the client opens a second connection to the
 * engine's socket, sends the line `MOCKER-STREAM <token>\n`, and from then on both sides exchange frames.
 *
 * A frame is Docker's multiplexed-stream header with two more types: `type u8, 0 0 0, length u32be`, then
 * `length` bytes. The same frames run between engine, monitor and guest agent, so that nothing is re-encoded
 * on the way.
 */
export interface StreamRef {
  /** One use, 128 random bits. */
  token: string;
}

/** What a connection that is a stream begins with: then comes the token, and a line feed. */
export const streamHandshakePrefix = "MOCKER-STREAM ";

export const FrameType = {
  /** Client to process. Length 0: end of file. */
  stdin: 0,
  stdout: 1,
  stderr: 2,
  /** A JSON object: {@link ExitFrame} at a process stream's end, control messages elsewhere. */
  json: 3,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export const frameHeaderBytes = 8;
/** Larger frames are a protocol error: the peer may be hostile. */
export const maxFramePayloadBytes = 1024 * 1024;

/** Last frame of a process's stream. */
export interface ExitFrame {
  exit: { code: number; signal?: number; reason?: string };
}

/** Last frame of a stream that broke. */
export interface ErrorFrame {
  error: { code: string; message: string; hint?: string };
}

/** Encodes a frame's header; the payload is written after it, uncopied. */
export function frameHeader(type: FrameType, payloadBytes: number): Uint8Array {
  const header = new Uint8Array(frameHeaderBytes);
  header[0] = type;
  new DataView(header.buffer).setUint32(4, payloadBytes);
  return header;
}

/**
 * Cuts a byte stream into frames. Feed it chunks; it calls back once per whole frame, copying only split
 * payloads.
 */
export class FrameDecoder {
  readonly #onFrame: (type: FrameType, payload: Uint8Array) => void;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(onFrame: (type: FrameType, payload: Uint8Array) => void) {
    this.#onFrame = onFrame;
  }

  /** Throws RangeError on a type or length that no peer of ours sends. */
  push(chunk: Uint8Array): void {
    let data = chunk;
    if (this.#rest.length > 0) {
      data = new Uint8Array(this.#rest.length + chunk.length);
      data.set(this.#rest);
      data.set(chunk, this.#rest.length);
    }
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    let offset = 0;
    while (data.length - offset >= frameHeaderBytes) {
      const type = data[offset] as number;
      const length = view.getUint32(offset + 4);
      if (type > FrameType.json || length > maxFramePayloadBytes) {
        throw new RangeError(`invalid stream frame: type ${type}, ${length} bytes`);
      }
      const end = offset + frameHeaderBytes + length;
      if (end > data.length) break;
      this.#onFrame(type as FrameType, data.subarray(offset + frameHeaderBytes, end));
      offset = end;
    }
    this.#rest = data.subarray(offset);
  }
}
