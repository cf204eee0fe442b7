/** Bulk bytes between this terminal and the engine: archives that are saved, exported, loaded or imported. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { Writable } from "node:stream";
import type { EngineClient } from "../../client/engine-client.ts";
import { FrameType, frameHeader, MockerError, type StreamRef, streamUpload } from "../../protocol/index.ts";
import { CommandFailure } from "../command.ts";
import { interruptible } from "../interruptible.ts";
import type { Io } from "../io.ts";
import { ByteProgress } from "../output/byte-progress.ts";
import type { Output } from "../output/output-file.ts";
import { pumpStream } from "../terminal/stream.ts";

const maxFrameBytes = 256 * 1024;

export interface Received {
  exitCode: number;
  /** The end of what came on stderr: why there is more missing, if there is. */
  said: string;
  /** All that went through the socket. */
  bytes: number;
}

/**
 * Writes what comes from `socket` to `output`, with progress unless `quiet`. Throws when `signal` aborts, when nobody reads `output`
 * any more (status 141), and when the engine is lost; `kept` is the hint then.
 */
export async function receive(
  io: Io,
  socket: Socket,
  output: Writable,
  { signal, quiet, kept }: { signal: AbortSignal; quiet: boolean; kept: string },
): Promise<Received> {
  signal.addEventListener("abort", () => socket.destroy(), { once: true });
  const progress = new ByteProgress(io.stderr);
  let said = "";
  const complaints = new Writable({
    write: (chunk: Buffer, _, done) => {
      said = (said + chunk.toString("utf8")).slice(-2000);
      done();
    },
  });
  const count = setInterval(() => quiet || progress.show(socket.bytesRead), 100);
  try {
    const end = await pumpStream(socket, { stdout: output, stderr: complaints });
    signal.throwIfAborted();
    if (end.kind === "output-closed") throw new CommandFailure("", 141);
    if (end.kind !== "exit")
      throw new MockerError("ENGINE_UNREACHABLE", "lost the connection to the mocker engine", { hint: kept });
    return { exitCode: end.exitCode, said: said.trim(), bytes: socket.bytesRead };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearInterval(count);
    progress.end();
  }
}

/** Writes a stream of the engine's to `output`; what is not complete is not left there. What it says on stderr is why it failed. */
export async function download(
  io: Io,
  engine: EngineClient,
  stream: StreamRef,
  output: Output,
): Promise<void> {
  await interruptible(io, async (signal) => {
    const socket = await engine.openStream(stream);
    try {
      const { exitCode, said } = await receive(io, socket, output.stream, {
        signal,
        // Beside data on a terminal's standard output there is no room; that is refused.
        quiet: false,
        kept: "Nothing was kept of what came; run the command again.",
      });
      if (exitCode !== 0) throw new CommandFailure(`mocker: ${said || "the archive is not complete"}`);
      await output.commit();
    } catch (error) {
      output.discard();
      throw error;
    }
  });
}

/**
 * Sends bytes to the engine while `take`, a request that names the upload, takes them. Whatever fails, `take`'s error is the one to tell:
 * the engine closes the stream when it wants no more.
 */
export async function upload<T>(
  io: Io,
  engine: EngineClient,
  chunks: AsyncIterable<Uint8Array>,
  take: (upload: string) => Promise<T>,
): Promise<T> {
  const { upload, stream } = await engine.request(streamUpload, {});
  const socket = await engine.openStream(stream);
  const progress = new ByteProgress(io.stderr);
  const sent = send(socket, chunks, progress);
  sent.catch(() => undefined);
  try {
    const taken = take(upload);
    taken.catch(() => undefined);
    // Our own failure to read is told, and ends the request.
    await Promise.race([taken, sent.then(() => taken)]);
    return await taken;
  } finally {
    progress.end();
    socket.destroy();
  }
}

async function send(
  socket: Socket,
  chunks: AsyncIterable<Uint8Array>,
  progress: ByteProgress,
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
    progress.show(bytes);
  }
  socket.write(frameHeader(FrameType.stdin, 0));
}
