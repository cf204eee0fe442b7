import type { Socket } from "node:net";
import type { GenericSchema } from "valibot";
import {
  type CancellationToken,
  createMessageConnection,
  type Disposable,
  ErrorCodes,
  type MessageConnection,
  type NotificationType,
  ProgressType,
  type RequestType,
  type RequestType0,
  ResponseError,
} from "vscode-jsonrpc/node";
import { initialize } from "../../../protocol/engine.ts";
import { type ErrorData, MockerError } from "../../../protocol/errors.ts";
import type { Log } from "../../log.ts";
import { BoundedReader } from "./bounded-reader.ts";
import { BoundedWriter } from "./bounded-writer.ts";
import { checkParams } from "./check-params.ts";
import { errorResponse } from "./error-response.ts";
import type { MessageLimits } from "./message-decoder.ts";

type Handler = (params: unknown, signal: AbortSignal) => unknown;

/**
 * One client's JSON-RPC connection. Its first request must be `initialize`, and each is checked before it is
 * handled.
 */
export class RpcConnection {
  readonly log: Log;
  readonly #connection: MessageConnection;
  readonly #handlers = new Map<string, Handler>();
  readonly #onInitialized: () => void;
  #isInitialized = false;
  #isClosed = false;

  /**
   * `onInitialized` is called when the handshake has been accepted. The socket is closed with the connection.
   */
  constructor(socket: Socket, log: Log, limits: MessageLimits, onInitialized: () => void = () => undefined) {
    this.log = log;
    this.#onInitialized = onInitialized;
    const writer = new BoundedWriter(socket);
    this.#connection = createMessageConnection(new BoundedReader(socket, writer, limits), writer);
    this.#connection.onError(([error]) => log.warn("connection.error", { message: error.message }));
    this.#connection.onClose(() => {
      this.#isClosed = true;
      this.#connection.dispose();
    });
    this.#connection.onRequest((method, params, token) => this.#answer(method, params, token));
  }

  /** Requests of `type`, whose params are as `schema` declares them. */
  handle<P, R>(
    type: RequestType<P, R, ErrorData>,
    schema: GenericSchema<unknown, P>,
    handler: (params: P, signal: AbortSignal) => Promise<R> | R,
  ): void {
    const { method } = type;
    this.#handlers.set(method, (params, signal) => handler(checkParams(method, schema, params), signal));
  }

  /** Requests without params; what a newer client sends with one is ignored. */
  handle0<R>(type: RequestType0<R, ErrorData>, handler: (signal: AbortSignal) => Promise<R> | R): void {
    this.#handlers.set(type.method, (_, signal) => handler(signal));
  }

  /** Notifications; they may come before the handshake. */
  onNotification(type: NotificationType<void>, handler: () => void): void {
    this.#connection.onNotification(type, handler);
  }

  notify<P>(type: NotificationType<P>, params: P): void {
    this.#connection.sendNotification(type, params).catch(() => undefined);
  }

  /** Tells the client how a request of its goes on, if it has asked for that with a token. */
  progress<T>(token: string | undefined): (value: T) => void {
    if (token === undefined) return () => undefined;
    const type = new ProgressType<T>();
    return (value) => void this.#connection.sendProgress(type, token, value).catch(() => undefined);
  }

  /** Calls `listener` when the connection has ended; at once if it has by now. */
  onClose(listener: () => void): Disposable {
    if (this.#isClosed) listener();
    return this.#connection.onClose(listener);
  }

  /** Begins to read; everything is bound. */
  listen(): void {
    this.#connection.listen();
  }

  async #answer(method: string, params: unknown, token: CancellationToken): Promise<unknown> {
    try {
      const handler = this.#handlers.get(method);
      if (handler === undefined) return unknownMethod(method);
      if (!this.#isInitialized && method !== initialize.method) {
        throw new MockerError("INVALID_ARGUMENT", `the first request must be initialize, not ${method}`);
      }
      const result = await handler(params, abortSignal(token));
      if (method === initialize.method) {
        this.#isInitialized = true;
        this.#onInitialized();
      }
      return result;
    } catch (error) {
      return errorResponse(error, method, this.log);
    }
  }
}

function unknownMethod(method: string): ResponseError<ErrorData> {
  return new ResponseError(ErrorCodes.MethodNotFound, `the engine has no request ${method}`, {
    code: "FEATURE_UNAVAILABLE",
    hint: "The client may be newer than the engine: update Mocker, and restart the engine.",
  });
}

function abortSignal(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  else token.onCancellationRequested(() => controller.abort());
  return controller.signal;
}
