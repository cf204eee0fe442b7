/** Archives that the engine sends: saved, exported or copied. */
import type { Socket } from "node:net";
import { Writable } from "node:stream";
import type { EngineClient } from "../../client/engine-client.ts";
import { lostConnection } from "../../client/errors.ts";
import type { StreamRef } from "../../protocol/index.ts";
import { CommandFailure } from "../command.ts";
import type { Io } from "../io.ts";
import { ByteProgress } from "../output/byte-progress.ts";
import type { Output } from "../output/output-file.ts";
import { interruptible } from "../terminal/interruptible.ts";
import { pumpStream } from "../terminal/pump-stream.ts";

export interface Received {
  exitCode: number;
  /** The end of what came on stderr: it says why the archive is not complete. */
  stderrTail: string;
  /** All that went through the socket. */
  bytes: number;
}

/**
 * Writes what comes from `socket` to `output`, with progress unless `quiet`. Throws when `signal` aborts,
 * when nobody reads `output` any more (status 141), and when the engine is lost, with `lostHint`.
 */
export async function receive(
  io: Io,
  socket: Socket,
  output: Writable,
  { signal, quiet, lostHint }: { signal: AbortSignal; quiet: boolean; lostHint: string },
): Promise<Received> {
  signal.addEventListener("abort", () => socket.destroy(), { once: true });
  const progress = new ByteProgress(io.stderr);
  let stderrTail = "";
  const stderrSink = new Writable({
    write: (chunk: Buffer, _, done) => {
      stderrTail = (stderrTail + chunk.toString("utf8")).slice(-2000);
      done();
    },
  });
  const count = setInterval(() => quiet || progress.show(socket.bytesRead), 100);
  try {
    const end = await pumpStream(socket, { stdout: output, stderr: stderrSink });
    signal.throwIfAborted();
    if (end.kind === "output-closed") throw new CommandFailure("", 141);
    if (end.kind !== "exit") throw lostConnection(undefined, lostHint);
    return { exitCode: end.exitCode, stderrTail: stderrTail.trim(), bytes: socket.bytesRead };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearInterval(count);
    progress.end();
  }
}

/**
 * Writes a stream of the engine's to `output`; what is not complete is not left there. What it says on stderr
 * is why it failed.
 */
export async function download(
  io: Io,
  engine: EngineClient,
  stream: StreamRef,
  output: Output,
): Promise<void> {
  await interruptible(io, async (signal) => {
    const socket = await engine.openStream(stream);
    try {
      const { exitCode, stderrTail } = await receive(io, socket, output.stream, {
        signal,
        // Beside data on a terminal's standard output there is no room; that is refused.
        quiet: false,
        lostHint: "Nothing was kept of what came; run the command again.",
      });
      if (exitCode !== 0) throw new CommandFailure(`mocker: ${stderrTail || "the archive is not complete"}`);
      await output.commit();
    } catch (error) {
      output.discard();
      throw error;
    }
  });
}
