import { chmodSync, mkdirSync, rmSync, statSync } from "node:fs";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import { dirname } from "node:path";
import {
  createMessageConnection,
  type MessageConnection,
  SocketMessageReader,
  SocketMessageWriter,
} from "vscode-jsonrpc/node";
import { peerCredentials } from "../../../../native/index.ts";
import { isPrivateDirectory } from "../../../common/paths.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { streamHandshakePrefix } from "../../../protocol/stream.ts";
import type { Log } from "../../log.ts";
import type { Streams } from "./streams.ts";

const handshakeBytes = streamHandshakePrefix.length + 32 + 1;
const firstBytesTimeoutMs = 10_000;

export interface ServerOptions {
  socketPath: string;
  streams: Streams;
  log: Log;
  /** A client's JSON-RPC connection, not yet listening. */
  onConnection(connection: MessageConnection): void;
  /** Called when the number of open JSON-RPC connections changes. */
  onConnectionCount(count: number): void;
}

/**
 * The engine's unix socket. A connection says with its first bytes what it is: `Content-Length: …` begins JSON-RPC
 * (LSP's base protocol), `MOCKER-STREAM <token>` one side stream. Mode 0600 in a private folder, and the peer's uid
 * is checked: ours or root's.
 */
export class Server {
  readonly #options: ServerOptions;
  readonly #net: NetServer;
  #inode: number | undefined;
  #connections = 0;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#net = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /** The caller holds the engine's lock, so that a socket file that is there is a dead engine's. */
  async listen(): Promise<void> {
    const { socketPath } = this.#options;
    const directory = dirname(socketPath);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!isPrivateDirectory(directory)) {
      throw new MockerError("ENGINE_UNREACHABLE", `${directory} is not a private folder of yours`, {
        hint: `Make it yours alone: chown and chmod 700 ${directory}, or set MOCKER_RUN_DIR.`,
      });
    }
    rmSync(socketPath, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#net.once("error", reject);
      this.#net.listen(socketPath, () => resolve());
    });
    chmodSync(socketPath, 0o600);
    this.#inode = statSync(socketPath).ino;
  }

  /** Whether the socket file is still the one that clients find. */
  reachable(): boolean {
    return statSync(this.#options.socketPath, { throwIfNoEntry: false })?.ino === this.#inode;
  }

  /** Takes the socket file away, unless another engine's stands there now. Connections end with the process. */
  withdraw(): void {
    if (this.reachable()) rmSync(this.#options.socketPath, { force: true });
  }

  #accept(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    if (!this.#trusted(socket)) {
      socket.destroy();
      return;
    }
    this.#readHandshake(socket);
  }

  #trusted(socket: Socket): boolean {
    const fd = (socket as unknown as { _handle: { fd: number } })._handle.fd;
    const { uid, pid } = peerCredentials(fd);
    const trusted = uid === process.getuid?.() || uid === 0;
    if (!trusted) this.#options.log.warn("peer.refused", { uid, pid });
    return trusted;
  }

  #readHandshake(socket: Socket): void {
    const timer = setTimeout(() => socket.destroy(), firstBytesTimeoutMs);
    let received = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const start = received.toString("latin1", 0, Math.min(received.length, streamHandshakePrefix.length));
      const isStream = start === streamHandshakePrefix;
      if (!isStream && streamHandshakePrefix.startsWith(start)) return;
      if (isStream && received.length < handshakeBytes) return;
      clearTimeout(timer);
      socket.off("data", onData);
      socket.pause();
      if (isStream) {
        if (received.length > handshakeBytes) socket.unshift(received.subarray(handshakeBytes));
        const token = received.toString("latin1", streamHandshakePrefix.length, handshakeBytes - 1);
        if (!this.#options.streams.open(token, socket)) socket.destroy();
      } else {
        socket.unshift(received);
        this.#serve(socket);
      }
    };
    socket.on("data", onData);
    socket.once("end", () => {
      clearTimeout(timer);
      if (received.length < streamHandshakePrefix.length) socket.destroy();
    });
    socket.once("close", () => clearTimeout(timer));
    socket.resume();
  }

  #serve(socket: Socket): void {
    const connection = createMessageConnection(
      new SocketMessageReader(socket),
      new SocketMessageWriter(socket),
    );
    this.#count(+1);
    socket.once("close", () => this.#count(-1));
    // A client's end is the end: half-open is for side streams.
    socket.once("end", () => socket.destroy());
    connection.onError(([error]) => this.#options.log.warn("connection.error", { message: error.message }));
    connection.onClose(() => connection.dispose());
    this.#options.onConnection(connection);
    connection.listen();
    socket.resume();
  }

  #count(change: number): void {
    this.#connections += change;
    this.#options.onConnectionCount(this.#connections);
  }
}
