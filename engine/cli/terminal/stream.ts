/** A process's stream between the engine and this terminal: output to stdout and stderr, stdin to the process. */
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import {
  type ErrorCode,
  type ErrorFrame,
  type ExitFrame,
  FrameDecoder,
  FrameType,
  frameHeader,
  MockerError,
} from "../../protocol/index.ts";
import type { InputStream } from "../io.ts";
import { DetachFilter } from "./detach-keys.ts";

export type StreamEnd =
  | { kind: "exit"; exitCode: number; reason: string | undefined }
  /** The user typed the detach keys. */
  | { kind: "detached" }
  /** Nobody reads our output any more (EPIPE). */
  | { kind: "output-closed" }
  /** The engine closed the stream without an exit frame: the log's end, or a lost engine. */
  | { kind: "closed" };

export interface StreamOptions {
  /** Left out: output is read and dropped. */
  stdout?: Writable | undefined;
  stderr?: Writable | undefined;
  stdin?: InputStream | undefined;
  /** Bytes that detach; only looked for when stdin is given. */
  detachKeys?: readonly number[] | undefined;
}

/** Cuts stdin into frames below the 1 MiB that a peer takes. */
const maxStdinFrameBytes = 256 * 1024;

/**
 * Carries bytes both ways until the stream ends. A slow reader of our output stops the engine's sending, a slow process
 * stops our reading of stdin. Throws MockerError for an error frame or a broken stream.
 */
export function pumpStream(socket: Socket, options: StreamOptions): Promise<StreamEnd> {
  const { stdin } = options;
  return new Promise<StreamEnd>((resolve, reject) => {
    let settled = false;
    let exit: StreamEnd | undefined;
    const clogged = new Set<Writable>();
    const corked = new Set<Writable>();
    const cleanups: (() => void)[] = [];

    const settle = (finish: () => void): void => {
      if (settled) return;
      settled = true;
      for (const cleanup of cleanups) cleanup();
      // What was typed before the detach keys is still to be sent.
      socket.end(() => socket.destroy());
      finish();
    };
    const end = (value: StreamEnd): void => settle(() => resolve(value));
    const fail = (error: MockerError): void => settle(() => reject(error));

    const outputs = new Set([options.stdout, options.stderr].filter((output) => output !== undefined));
    for (const output of outputs) {
      const onError = (error: NodeJS.ErrnoException): void => {
        if (error.code === "EPIPE") end({ kind: "output-closed" });
        else fail(new MockerError("INTERNAL", `cannot write the output: ${error.message}`, { cause: error }));
      };
      const onDrain = (): void => {
        clogged.delete(output);
        if (clogged.size === 0) socket.resume();
      };
      output.on("error", onError);
      output.on("drain", onDrain);
      cleanups.push(() => {
        output.off("error", onError);
        output.off("drain", onDrain);
      });
    }

    const onJson = (payload: Uint8Array): void => {
      const message = JSON.parse(Buffer.from(payload).toString("utf8")) as Partial<ExitFrame & ErrorFrame>;
      if (message.exit !== undefined) {
        exit = { kind: "exit", exitCode: message.exit.code, reason: message.exit.reason };
      } else if (message.error !== undefined) {
        const { code, message: text, hint } = message.error;
        fail(new MockerError(code as ErrorCode, text, { hint }));
      }
    };
    const decoder = new FrameDecoder((type, payload) => {
      if (type === FrameType.json) {
        onJson(payload);
        return;
      }
      const output =
        type === FrameType.stdout ? options.stdout : type === FrameType.stderr ? options.stderr : undefined;
      if (output === undefined || payload.length === 0) return;
      // One writev for all the frames of a chunk.
      if (!corked.has(output)) {
        corked.add(output);
        output.cork();
      }
      if (!output.write(payload)) clogged.add(output);
    });

    socket.on("data", (chunk: Buffer) => {
      try {
        decoder.push(chunk);
      } catch (error) {
        fail(new MockerError("INTERNAL", "the engine sent an invalid stream", { cause: error }));
      }
      for (const output of corked) {
        output.uncork();
        // A write that went through at once leaves nothing to drain.
        if (output.writableNeedDrain === false) clogged.delete(output);
      }
      corked.clear();
      if (clogged.size > 0) socket.pause();
      if (exit !== undefined) end(exit);
    });
    socket.once("end", () => end({ kind: "closed" }));
    socket.once("close", () => end({ kind: "closed" }));
    socket.on("error", () => end({ kind: "closed" }));

    if (stdin !== undefined) {
      const filter = new DetachFilter(options.detachKeys ?? []);
      const send = (bytes: Uint8Array): void => {
        socket.cork();
        let more = true;
        for (let offset = 0; offset < bytes.length; offset += maxStdinFrameBytes) {
          const payload = bytes.subarray(offset, offset + maxStdinFrameBytes);
          socket.write(frameHeader(FrameType.stdin, payload.length));
          more = socket.write(payload);
        }
        socket.uncork();
        if (!more && socket.writableNeedDrain) {
          stdin.pause();
          socket.once("drain", () => {
            if (!settled) stdin.resume();
          });
        }
      };
      const onData = (chunk: Buffer | string): void => {
        const { bytes, detached } = filter.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
        send(bytes);
        if (detached) end({ kind: "detached" });
      };
      const onEnd = (): void => {
        send(filter.flush());
        socket.write(frameHeader(FrameType.stdin, 0));
      };
      stdin.on("data", onData);
      stdin.once("end", onEnd);
      stdin.once("error", onEnd);
      cleanups.push(() => {
        stdin.off("data", onData);
        stdin.off("end", onEnd);
        stdin.off("error", onEnd);
        stdin.pause();
      });
      if (stdin.readableEnded) onEnd();
      else stdin.resume();
    }
  });
}
