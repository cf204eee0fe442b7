/** A connection to a running engine, after the handshake, for clients without a framework of their own. */
import type { Socket } from "node:net";
import {
  CancellationTokenSource,
  createMessageConnection,
  type MessageConnection,
  ProgressType,
  type RequestType,
  type RequestType0,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node.js";
import { type ErrorData, initialize, type StreamRef } from "../protocol/index.ts";
import { dial, messageStreams, openStreamOn } from "./engine-socket.ts";
import { asMockerError, lostConnection } from "./errors.ts";
import { type Client, initializeParams, shakeHands } from "./handshake.ts";

export interface RequestOptions {
  /** Sends `$/cancelRequest` when aborted; the request then fails with CANCELLED. */
  signal?: AbortSignal;
}

export class EngineClient {
  readonly version: string;
  readonly pid: number;
  readonly #connection: MessageConnection;
  readonly #socket: Socket;
  readonly #dial: () => Promise<Socket | undefined>;

  private constructor(
    connection: MessageConnection,
    socket: Socket,
    dial: () => Promise<Socket | undefined>,
    engine: { version: string; pid: number },
  ) {
    this.#connection = connection;
    this.#socket = socket;
    this.#dial = dial;
    this.version = engine.version;
    this.pid = engine.pid;
  }

  /**
   * Shakes hands. Throws MockerError, and has closed the socket then. `again` makes the further connections
   * that streams are, by default to `path`.
   */
  static async open(
    socket: Socket,
    path: string,
    client: Client,
    timeoutMs?: number,
    again: () => Promise<Socket | undefined> = () => dial(path),
  ): Promise<EngineClient> {
    const { reader, writer } = messageStreams(socket);
    const connection = createMessageConnection(
      new StreamMessageReader(reader),
      new StreamMessageWriter(writer),
    );
    // Pending requests must fail, not hang, when the engine dies.
    connection.onClose(() => connection.dispose());
    connection.onError(() => undefined);
    connection.listen();
    const ask = () => connection.sendRequest(initialize, initializeParams(client));
    const { engine } = await shakeHands(socket, path, client, ask, timeoutMs);
    return new EngineClient(connection, socket, again, engine);
  }

  /** Throws MockerError. */
  async request<P, R>(
    type: RequestType<P, R, ErrorData>,
    params: P,
    options: RequestOptions = {},
  ): Promise<R> {
    const { signal } = options;
    if (signal === undefined) return answer(this.#connection.sendRequest(type, params));
    const source = new CancellationTokenSource();
    const cancel = (): void => source.cancel();
    signal.addEventListener("abort", cancel);
    try {
      if (signal.aborted) cancel();
      return await answer(this.#connection.sendRequest(type, params, source.token));
    } finally {
      signal.removeEventListener("abort", cancel);
      source.dispose();
    }
  }

  /** A request without parameters. Throws MockerError. */
  request0<R>(type: RequestType0<R, ErrorData>): Promise<R> {
    return answer(this.#connection.sendRequest(type));
  }

  /** Hears `$/progress` under `token` until the returned function is called. */
  onProgress<P>(token: string, handler: (value: P) => void): () => void {
    const subscription = this.#connection.onProgress(new ProgressType<P>(), token, handler);
    return () => subscription.dispose();
  }

  /** Opens the stream that a reply named. Throws MockerError. */
  async openStream(stream: StreamRef): Promise<Socket> {
    const socket = await this.#dial();
    if (socket === undefined) throw lostConnection();
    openStreamOn(socket, stream);
    return socket;
  }

  close(): void {
    this.#connection.dispose();
    this.#socket.destroy();
  }
}

async function answer<R>(response: Promise<R>): Promise<R> {
  try {
    return await response;
  } catch (error) {
    throw asMockerError(error);
  }
}
