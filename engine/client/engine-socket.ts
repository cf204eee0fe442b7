/** Connections to the engine's socket: only to one that this user's own process listens on. */
import { connect, type Socket } from "node:net";
import { dirname } from "node:path";
import { Writable } from "node:stream";
import { type StreamRef, streamHandshakePrefix } from "../protocol/index.ts";
import { EngineUnreachable } from "./errors.ts";
import { checkRunDirectory } from "./run-directory.ts";

/** sun_path's 108 bytes less the final NUL (unix(7)). */
const maxSocketPathBytes = 107;

/** @returns undefined if no engine listens at `path`; throws EngineUnreachable */
export async function dial(path: string): Promise<Socket | undefined> {
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw new EngineUnreachable(
      { kind: "socket-path", path },
      `the path of the engine's socket is too long for a socket: ${path}`,
      { hint: "set MOCKER_RUN_DIR to a shorter path" },
    );
  }
  if (!checkRunDirectory(dirname(path))) return undefined;
  let socket: Socket;
  try {
    socket = await connected(path);
  } catch (error) {
    if (mayComeUp(error)) return undefined;
    const why = error instanceof Error ? error.message : String(error);
    throw new EngineUnreachable(
      { kind: "connect", path, why },
      `cannot connect to the mocker engine at ${path}: ${why}`,
      {
        hint: "check who owns the socket and its directory, or set MOCKER_RUN_DIR to a directory of yours",
        cause: error,
      },
    );
  }
  try {
    await checkPeer(socket, path);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/**
 * Opens the stream that a reply named: a second connection, on which frames are exchanged
 * (protocol/stream.ts).
 * @returns undefined if the engine is gone; throws EngineUnreachable
 */
export async function dialStream(path: string, stream: StreamRef): Promise<Socket | undefined> {
  const socket = await dial(path);
  if (socket !== undefined) openStreamOn(socket, stream);
  return socket;
}

/** Makes a new connection the stream that a reply named. */
export function openStreamOn(socket: Socket, stream: StreamRef): void {
  socket.write(`${streamHandshakePrefix}${stream.token}\n`);
}

/**
 * Both ends of a connection for vscode-jsonrpc. Of version 8, a write that fails rejects a promise that
 * nobody can see, beside the request's; here it ends the connection instead, and that fails all requests.
 */
export function messageStreams(socket: Socket): { reader: Socket; writer: Writable } {
  const writer = new Writable({
    write(chunk: Buffer, _encoding, done) {
      socket.write(chunk, (error) => {
        if (error) socket.destroy();
        done();
      });
    },
  });
  // Half-open is for streams of frames.
  socket.once("end", () => socket.destroy());
  socket.on("error", () => undefined);
  return { reader: socket, writer };
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

/** Whether an engine that starts, or one that is just ending, can explain the failure to connect. */
function mayComeUp(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ECONNREFUSED" || code === "ECONNRESET" || code === "EPIPE";
}

/**
 * The directory alone does not say who listens: a socket can be moved into it, and it may be replaced after
 * it was looked at. SO_PEERCRED (unix(7)) does. The addon costs 0.6 ms, and only those who connect.
 */
async function checkPeer(socket: Socket, path: string): Promise<void> {
  const { peerCredentials } = await import("../../native/index.ts");
  const { uid } = peerCredentials(descriptorOf(socket));
  // As the engine of its clients: root may do anything to this user anyway.
  if (uid === process.getuid?.() || uid === 0) return;
  throw new EngineUnreachable(
    { kind: "peer", path, uid },
    `what listens at ${path} is a process of user ${uid}, not an engine of this user's; nothing was sent to it`,
    { hint: "remove the socket, or set MOCKER_RUN_DIR to a directory of yours" },
  );
}

function descriptorOf(socket: Socket): number {
  const { _handle } = socket as Socket & { _handle?: { fd?: number } };
  return _handle?.fd ?? -1;
}
