import { once } from "node:events";
import type { Socket } from "node:net";
import { MockerError } from "../../../protocol/errors.ts";
import { FrameDecoder, FrameType, frameHeader, maxFramePayloadBytes } from "../../../protocol/stream.ts";

/**
 * Sends bytes down a client's stream and ends it with an exit frame, or with the error that broke them off.
 */
export async function sendBytes(socket: Socket, chunks: AsyncIterable<Buffer>): Promise<void> {
  const gone = once(socket, "close").catch(() => undefined);
  socket.on("error", () => undefined);
  // The client sends nothing; its end is seen only by reading.
  socket.resume();
  socket.once("end", () => socket.destroy());
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += maxFramePayloadBytes) {
        const payload = chunk.subarray(at, at + maxFramePayloadBytes);
        socket.write(frameHeader(FrameType.stdout, payload.length));
        if (!socket.write(payload)) await Promise.race([once(socket, "drain"), gone]);
      }
      if (socket.destroyed) return;
    }
    sendJson(socket, { exit: { code: 0 } });
  } catch (error) {
    const { code, hint } =
      error instanceof MockerError ? error : { code: "INTERNAL" as const, hint: undefined };
    sendJson(socket, { error: { code, message: (error as Error).message, hint } });
  } finally {
    socket.end();
  }
}

function sendJson(socket: Socket, message: object): void {
  if (socket.destroyed) return;
  const payload = Buffer.from(JSON.stringify(message));
  socket.write(frameHeader(FrameType.json, payload.length));
  socket.write(payload);
}

/**
 * The bytes of a client's stdin frames up to the empty one. Throws CANCELLED if the client leaves before
 * that. The client waits while nothing is read, and its stream is closed when the reading ends.
 */
export async function* receiveBytes(socket: Socket): AsyncGenerator<Buffer> {
  let ready: Buffer[] = [];
  let complete = false;
  const decoder = new FrameDecoder((type, payload) => {
    if (type !== FrameType.stdin) return;
    if (payload.length === 0) complete = true;
    else ready.push(Buffer.from(payload));
  });
  socket.on("error", () => undefined);
  try {
    for await (const chunk of socket) {
      decoder.push(chunk as Buffer);
      yield* ready;
      ready = [];
      if (complete) return;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  } finally {
    socket.destroy();
  }
  throw new MockerError("CANCELLED", "the upload was broken off");
}
