import { createServer, type Socket } from "node:net";
import { streamHandshakePrefix } from "../../../protocol/stream.ts";
import type { Log } from "../../log.ts";
import { isTrustedPeer, PrivateSocket } from "../private-socket.ts";
import { defaultLimits, type MessageLimits } from "./message-decoder.ts";
import { RpcConnection } from "./rpc-connection.ts";
import type { Streams } from "./streams.ts";

const handshakeBytes = streamHandshakePrefix.length + 32 + 1;

export interface ServerLimits extends MessageLimits {
  /** From a connection's first moment to its stream's token or the answer to its `initialize`. */
  handshakeMs: number;
  /** Connections that have yet to shake hands. The oldest of them makes room for one more. */
  pending: number;
}

const defaults: ServerLimits = { ...defaultLimits, handshakeMs: 30_000, pending: 1024 };

export interface ServerOptions {
  socketPath: string;
  streams: Streams;
  log: Log;
  /** Binds a client's JSON-RPC connection, which does not listen yet, to the services. */
  bind(connection: RpcConnection): void;
  /** Called for each JSON-RPC connection; the function that it returns is called when that has ended. */
  hold(): () => void;
  limits?: Partial<ServerLimits>;
}

/**
 * The engine's unix socket. A connection says with its first bytes what it is: `Content-Length: …` begins
 * JSON-RPC (LSP's base protocol), `MOCKER-STREAM <token>` one side stream. The peer's uid is checked: ours or
 * root's.
 */
export class Server {
  readonly #options: ServerOptions;
  readonly #limits: ServerLimits;
  readonly #socket: PrivateSocket;
  /** What gives up on each connection that has yet to shake hands, the oldest first. */
  readonly #pending = new Map<Socket, NodeJS.Timeout>();

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#limits = { ...defaults, ...options.limits };
    const net = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
    this.#socket = new PrivateSocket(options.socketPath, net);
  }

  /** The caller holds the engine's lock, so that a socket file that is there is a dead engine's. */
  listen(): Promise<void> {
    return this.#socket.listen();
  }

  /** Whether the socket file is still the one that clients find. */
  reachable(): boolean {
    return this.#socket.reachable();
  }

  /**
   * Listens no longer and removes the socket file, unless another engine's stands there now. Connections go
   * on.
   */
  withdraw(): void {
    this.#socket.withdraw();
  }

  #accept(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    if (!isTrustedPeer(socket, this.#options.log)) {
      socket.destroy();
      return;
    }
    this.#expectHandshake(socket);
    this.#readFirstBytes(socket);
  }

  #expectHandshake(socket: Socket): void {
    const [oldest] = this.#pending.keys();
    if (oldest && this.#pending.size >= this.#limits.pending) this.#refuse(oldest, "too many handshakes");
    const late = (): void => this.#refuse(socket, "no handshake in time");
    this.#pending.set(socket, setTimeout(late, this.#limits.handshakeMs));
    socket.once("close", () => this.#shookHands(socket));
  }

  #shookHands(socket: Socket): void {
    clearTimeout(this.#pending.get(socket));
    this.#pending.delete(socket);
  }

  #refuse(socket: Socket, reason: string): void {
    this.#options.log.warn("connection.refused", { reason });
    this.#shookHands(socket);
    socket.destroy();
  }

  #readFirstBytes(socket: Socket): void {
    let received = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const start = received.toString("latin1", 0, Math.min(received.length, streamHandshakePrefix.length));
      const isStream = start === streamHandshakePrefix;
      if (!isStream && streamHandshakePrefix.startsWith(start)) return;
      if (isStream && received.length < handshakeBytes) return;
      socket.off("data", onData);
      socket.pause();
      if (isStream) {
        this.#shookHands(socket);
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
      if (received.length < handshakeBytes) socket.destroy();
    });
    socket.resume();
  }

  #serve(socket: Socket): void {
    const connection = new RpcConnection(socket, this.#options.log, this.#limits, () =>
      this.#shookHands(socket),
    );
    socket.once("close", this.#options.hold());
    // A client's end is the end: half-open is for side streams.
    socket.once("end", () => socket.destroy());
    this.#options.bind(connection);
    connection.listen();
  }
}
