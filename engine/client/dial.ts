/** What every client does to reach the engine, and to learn why one that it started has ended. */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { type StreamRef, streamHandshakePrefix } from "../protocol/index.ts";

/** sun_path's 108 bytes less the final NUL (unix(7)). */
export const maxSocketPathBytes = 107;

export function dial(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

/** Opens the stream that a reply named: a second connection, on which frames are exchanged (protocol/stream.ts). */
export async function dialStream(path: string, stream: StreamRef): Promise<Socket> {
  const socket = await dial(path);
  socket.write(`${streamHandshakePrefix}${stream.token}\n`);
  return socket;
}

/** Whether an engine that starts, or one that is just ending, can explain the failure to connect. */
export function mayComeUp(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ECONNREFUSED" || code === "ECONNRESET" || code === "EPIPE";
}

/** The last line that an engine which ended wrote to its log, from `offset` on: why it did. */
export function lastWords(logPath: string, offset: number): string | undefined {
  try {
    const line = readFileSync(logPath).subarray(offset).toString("utf8").trimEnd().split("\n").at(-1);
    return line?.replace(/^mocker engine: /, "") || undefined;
  } catch {
    return undefined;
  }
}
