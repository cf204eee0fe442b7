import type { Socket } from "node:net";
import {
  type ErrorCode,
  type ErrorFrame,
  type ExitFrame,
  FrameDecoder,
  FrameType,
  frameHeader,
  MockerError,
} from "../../engine/protocol/index.ts";

export type StreamEnd =
  | { kind: "exit"; exitCode: number; reason: string | undefined }
  | { kind: "error"; error: MockerError }
  /** The engine closed the stream without a word: it ended, or the stream did. */
  | { kind: "closed" };

/** Cuts input into frames below the 1 MiB that a peer takes. */
const maxInputBytes = 256 * 1024;

/** A process's stream: frames to callbacks, input to frames. */
export class ProcessStream {
  readonly #socket: Socket;
  readonly ended: Promise<StreamEnd>;

  constructor(socket: Socket, onOutput: (bytes: Uint8Array, isStderr: boolean) => void) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => {
      const finish = (end: StreamEnd): void => {
        resolve(end);
        socket.destroy();
      };
      const decoder = new FrameDecoder((type, payload) => {
        if (type === FrameType.json) {
          const end = endOf(payload);
          if (end !== undefined) finish(end);
        } else if (type !== FrameType.stdin && payload.length > 0) {
          onOutput(payload, type === FrameType.stderr);
        }
      });
      socket.on("data", (chunk: Buffer) => {
        try {
          decoder.push(chunk);
        } catch (cause) {
          const error = new MockerError("INTERNAL", "The engine sent an invalid stream.", { cause });
          finish({ kind: "error", error });
        }
      });
      socket.once("end", () => finish({ kind: "closed" }));
      socket.once("close", () => finish({ kind: "closed" }));
      socket.on("error", () => finish({ kind: "closed" }));
    });
  }

  write(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    for (let offset = 0; offset < bytes.length; offset += maxInputBytes) {
      const payload = bytes.subarray(offset, offset + maxInputBytes);
      this.#socket.write(Buffer.concat([frameHeader(FrameType.stdin, payload.length), payload]));
    }
  }

  /** The process reads end of file. */
  endInput(): void {
    this.#socket.write(frameHeader(FrameType.stdin, 0));
  }

  /** Leaves the process alone: drops the stream. */
  close(): void {
    this.#socket.destroy();
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
