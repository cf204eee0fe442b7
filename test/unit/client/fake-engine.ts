/**
 * A scripted engine for the command line's tests: the real protocol over a real unix socket, answers by the
 * test. What is real here is the framing, the handshake, progress, cancellation and streams; there are no VMs
 * behind it.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import {
  type CancellationToken,
  createMessageConnection,
  type MessageConnection,
  ProgressType,
  type RequestType,
  type RequestType0,
  ResponseError,
  SocketMessageReader,
  SocketMessageWriter,
} from "vscode-jsonrpc/node.js";
import {
  type ErrorData,
  FrameDecoder,
  FrameType,
  frameHeader,
  initialize,
  jsonRpcCode,
  MockerError,
  protocolVersion,
  type StreamRef,
  streamHandshakePrefix,
} from "../../../engine/protocol/index.ts";

export interface Frame {
  type: FrameType;
  payload: Buffer;
}

/** The engine's end of a stream. */
export class StreamPeer {
  readonly socket: Socket;
  readonly received: Frame[] = [];
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => undefined);
  }

  /** Reads what follows the handshake. */
  listen(): void {
    const decoder = new FrameDecoder((type, payload) => {
      this.received.push({ type, payload: Buffer.from(payload) });
      this.#wake();
    });
    this.socket.on("data", (chunk: Buffer) => decoder.push(chunk));
  }

  /** Resolves when `test` holds for what was received. */
  async until(test: (frames: readonly Frame[]) => boolean): Promise<void> {
    while (!test(this.received)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  stdin(): Buffer {
    return Buffer.concat(
      this.received.filter((frame) => frame.type === FrameType.stdin).map((frame) => frame.payload),
    );
  }

  sawEndOfStdin(): boolean {
    return this.received.some((frame) => frame.type === FrameType.stdin && frame.payload.length === 0);
  }

  send(type: FrameType, payload: string | Uint8Array): boolean {
    const bytes = Buffer.from(payload);
    this.socket.write(frameHeader(type, bytes.length));
    return this.socket.write(bytes);
  }

  exit(code: number): void {
    this.send(FrameType.json, JSON.stringify({ exit: { code } }));
    this.socket.end();
  }

  error(code: string, message: string, hint?: string): void {
    this.send(FrameType.json, JSON.stringify({ error: { code, message, hint } }));
    this.socket.end();
  }
}

type Handler = (params: unknown, context: HandlerContext) => unknown;

export interface HandlerContext {
  token: CancellationToken;
  /** Sends `$/progress`. */
  progress(token: string, value: unknown): void;
}

export interface FakeEngineOptions {
  protocolVersion?: number;
}

export class FakeEngine {
  /** Requests in the order in which they came, without the handshake. */
  readonly calls: { method: string; params: unknown }[] = [];
  connections = 0;
  readonly #server: Server;
  readonly #handlers = new Map<string, Handler>();
  readonly #streams = new Map<string, (peer: StreamPeer) => void>();
  readonly #sockets = new Set<Socket>();
  readonly #options: FakeEngineOptions;

  private constructor(options: FakeEngineOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Listens at `<dir>/engine.sock`. Rejects with EADDRINUSE if another one does. */
  static async listen(dir: string, options: FakeEngineOptions = {}): Promise<FakeEngine> {
    const engine = new FakeEngine(options);
    engine.#server.listen(join(dir, "engine.sock"));
    await once(engine.#server, "listening");
    return engine;
  }

  handle<P, R>(
    type: RequestType<P, R, ErrorData>,
    handler: (params: P, context: HandlerContext) => R | Promise<R>,
  ): this {
    this.#handlers.set(type.method, (params, context) => handler(params as P, context));
    return this;
  }

  handle0<R>(type: RequestType0<R, ErrorData>, handler: () => R | Promise<R>): this {
    this.#handlers.set(type.method, handler);
    return this;
  }

  /** A stream that `serve` is called with when the client opens it. */
  stream(serve: (peer: StreamPeer) => void): StreamRef {
    const token = randomBytes(16).toString("hex");
    this.#streams.set(token, serve);
    return { token };
  }

  methods(): string[] {
    return this.calls.map((call) => call.method);
  }

  paramsOf(method: string): unknown {
    return this.calls.find((call) => call.method === method)?.params;
  }

  /** Dies as by kill -9: connections just end. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.once("data", (chunk: Buffer) => {
      socket.pause();
      if (!chunk.toString("latin1").startsWith(streamHandshakePrefix)) {
        socket.unshift(chunk);
        this.#serveRequests(socket);
        return;
      }
      const newline = chunk.indexOf("\n");
      const token = chunk.subarray(streamHandshakePrefix.length, newline).toString("latin1");
      const rest = chunk.subarray(newline + 1);
      if (rest.length > 0) socket.unshift(rest);
      const serve = this.#streams.get(token);
      this.#streams.delete(token);
      if (serve === undefined) {
        socket.destroy();
        return;
      }
      const peer = new StreamPeer(socket);
      peer.listen();
      serve(peer);
      socket.resume();
    });
  }

  #serveRequests(socket: Socket): void {
    this.connections++;
    const connection: MessageConnection = createMessageConnection(
      new SocketMessageReader(socket),
      new SocketMessageWriter(socket),
    );
    connection.onError(() => undefined);
    socket.on("end", () => socket.destroy());
    connection.onRequest(initialize, () => ({
      protocolVersion: this.#options.protocolVersion ?? protocolVersion,
      engine: { version: "9.9.9", pid: process.pid },
      capabilities: {},
    }));
    connection.onRequest(async (method, params, token) => {
      const value: unknown = Array.isArray(params) ? params[0] : params;
      this.calls.push({ method, params: value });
      const handler = this.#handlers.get(method);
      if (handler === undefined) {
        return new ResponseError(-32601, `the fake engine has no answer to ${method}`, { code: "INTERNAL" });
      }
      try {
        const progress = (name: string, progressed: unknown): void => {
          void connection.sendProgress(new ProgressType<unknown>(), name, progressed);
        };
        return await handler(value, { token, progress });
      } catch (error) {
        if (error instanceof MockerError) {
          return new ResponseError(jsonRpcCode(error.code), error.message, error.toData());
        }
        throw error;
      }
    });
    connection.listen();
    socket.resume();
  }
}
