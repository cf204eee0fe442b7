/**
 * A process's stream from a client's side: frames to output and an end, input to frames (protocol/stream.ts).
 */
import type { Socket } from "node:net";
import {
  type ErrorCode,
  type ErrorFrame,
  type ExitFrame,
  FrameDecoder,
  FrameType,
  frameHeader,
  MockerError,
} from "../protocol/index.ts";

export type StreamEnd =
  | { kind: "exit"; exitCode: number; reason: string | undefined }
  | { kind: "error"; error: MockerError }
  /** The engine closed the stream without an exit frame: the end of a log, or the engine's own. */
  | { kind: "closed" };

/** Cuts input into frames below the 1 MiB that a peer takes. */
const maxInputFrameBytes = 256 * 1024;

export interface StreamListener {
  onOutput(bytes: Uint8Array, isStderr: boolean): void;
  /** All that came at once has been handed to `onOutput`. */
  onChunkEnd?(): void;
}

export class ProcessStream {
  readonly #socket: Socket;
  /** How the stream ended. Never rejects. */
  readonly ended: Promise<StreamEnd>;
  #closed = false;
  #finish: (end: StreamEnd) => void = () => undefined;

  constructor(socket: Socket, listener: StreamListener) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => {
      this.#finish = (end) => {
        resolve(end);
        this.close();
      };
    });
    let end: StreamEnd | undefined;
    const decoder = new FrameDecoder((type, payload) => {
      if (type === FrameType.json) end ??= endOf(payload);
      else if (type !== FrameType.stdin && payload.length > 0) {
        listener.onOutput(payload, type === FrameType.stderr);
      }
    });
    socket.on("data", (chunk: Buffer) => {
      if (this.#closed) return;
      try {
        decoder.push(chunk);
      } catch (cause) {
        end ??= {
          kind: "error",
          error: new MockerError("INTERNAL", "the engine sent an invalid stream", { cause }),
        };
      }
      listener.onChunkEnd?.();
      if (end !== undefined) this.#finish(end);
    });
    const closed = (): void => this.#finish({ kind: "closed" });
    socket.once("end", closed);
    socket.once("close", closed);
    socket.on("error", closed);
  }

  /** @returns false if more is under way than the engine takes: {@link onceDrained} tells when it has */
  write(bytes: Uint8Array): boolean {
    this.#socket.cork();
    for (let offset = 0; offset < bytes.length; offset += maxInputFrameBytes) {
      const payload = bytes.subarray(offset, offset + maxInputFrameBytes);
      this.#socket.write(frameHeader(FrameType.stdin, payload.length));
      this.#socket.write(payload);
    }
    this.#socket.uncork();
    return !this.#socket.writableNeedDrain;
  }

  onceDrained(callback: () => void): void {
    this.#socket.once("drain", callback);
  }

  /** The process reads end of file. */
  endInput(): void {
    this.#socket.write(frameHeader(FrameType.stdin, 0));
  }

  /** Stops reading, so that the engine and then the process wait. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Leaves the process alone: sends what was written, and drops the stream. */
  close(): void {
    this.#closed = true;
    if (!this.#socket.writableEnded) this.#socket.end(() => this.#socket.destroy());
  }
}

function endOf(payload: Uint8Array): StreamEnd | undefined {
  const message = JSON.parse(Buffer.from(payload).toString("utf8")) as Partial<ExitFrame & ErrorFrame>;
  if (message.exit !== undefined) {
    return { kind: "exit", exitCode: message.exit.code, reason: message.exit.reason };
  }
  if (message.error === undefined) return undefined;
  const { code, message: text, hint } = message.error;
  return { kind: "error", error: new MockerError(code as ErrorCode, text, { hint }) };
}
