/** Archives that the engine is sent, to load or to import. */
import { once } from "node:events";
import type { Socket } from "node:net";
import type { EngineClient } from "../../client/engine-client.ts";
import { FrameType, frameHeader, streamUpload } from "../../protocol/index.ts";
import type { Io } from "../io.ts";
import { ByteProgress } from "../output/byte-progress.ts";

const maxFrameBytes = 256 * 1024;

/**
 * Sends bytes to the engine while `take`, a request that names the upload, takes them; with progress unless
 * `quiet`. Of several failures
 * `take`'s error is the one to show: the engine closes the stream when it wants no more.
 */
export async function upload<T>(
  io: Io,
  engine: EngineClient,
  chunks: AsyncIterable<Uint8Array>,
  take: (upload: string) => Promise<T>,
  { quiet = false }: { quiet?: boolean } = {},
): Promise<T> {
  const { upload, stream } = await engine.request(streamUpload, {});
  const socket = await engine.openStream(stream);
  const progress = quiet ? undefined : new ByteProgress(io.stderr);
  const sent = send(socket, chunks, progress);
  sent.catch(() => undefined);
  try {
    const taken = take(upload);
    taken.catch(() => undefined);
    // Our own failure to read is told, and ends the request.
    await Promise.race([taken, sent.then(() => taken)]);
    return await taken;
  } finally {
    progress?.end();
    socket.destroy();
  }
}

async function send(
  socket: Socket,
  chunks: AsyncIterable<Uint8Array>,
  progress: ByteProgress | undefined,
): Promise<void> {
  let closed = false;
  const gone = once(socket, "close")
    .catch(() => undefined)
    .then(() => {
      closed = true;
    });
  socket.on("error", () => undefined);
  socket.resume();
  let bytes = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += maxFrameBytes) {
      const payload = chunk.subarray(at, at + maxFrameBytes);
      socket.write(frameHeader(FrameType.stdin, payload.length));
      // An error of the socket is its end, and the engine's answer tells why.
      if (!socket.write(payload)) await Promise.race([once(socket, "drain").catch(() => gone), gone]);
      if (closed) return;
    }
    bytes += chunk.length;
    progress?.show(bytes);
  }
  socket.write(frameHeader(FrameType.stdin, 0));
}
