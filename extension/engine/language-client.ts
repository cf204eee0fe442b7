import type { Socket } from "node:net";
import type * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  type InitializeParams,
  LanguageClient,
  ProgressType,
  type StaticFeature,
} from "vscode-languageclient/node";
import { messageStreams } from "../../engine/client/engine-socket.ts";
import { type Client, initializeParams } from "../../engine/client/handshake.ts";
import type { InitializeResult, PullProgress } from "../../engine/protocol/index.ts";
import { redactTrace } from "./redact.ts";

/**
 * vscode-languageclient over a socket that engine/client made: framing, cancellation, progress and trace are
 * its. It lives as long as the socket; reconnecting, and telling the user, is the business of connection.ts.
 */
export class EngineLanguageClient extends LanguageClient {
  readonly #log: vscode.LogOutputChannel;

  constructor(socket: Socket, log: vscode.LogOutputChannel, client: Client, onClose: () => void) {
    super("mocker", "Mocker", () => Promise.resolve({ ...messageStreams(socket), detached: true }), {
      outputChannel: log,
      traceOutputChannel: redacted(log),
      // start() rejects: that is enough.
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => {
          onClose();
          return { action: CloseAction.DoNotRestart, handled: true, message: "The connection was closed." };
        },
      },
    });
    this.#log = log;
    this.registerFeature(handshake(client));
  }

  /** Starts it, and with it the handshake. */
  async initialized(): Promise<InitializeResult> {
    await this.start();
    return this.initializeResult as unknown as InitializeResult;
  }

  /** Hears `$/progress` of a pull. */
  onPullProgress(token: string, handler: (value: PullProgress) => void): vscode.Disposable {
    return this.onProgress(new ProgressType<PullProgress>(), token, handler);
  }

  /** Nothing pops up: the caller of a request hears of its failure. */
  override error(message: string, data?: unknown): void {
    this.#log.debug(data === undefined ? message : `${message} ${String(data)}`);
  }

  override info(message: string): void {
    this.#log.debug(message);
  }

  /** Only after a failed start, where the base class would leave a rejection that nobody handles. */
  override stop(timeout?: number): Promise<void> {
    return super.stop(timeout).catch(() => undefined);
  }
}

/** Adds to LSP's `initialize` what the engine wants to know. */
function handshake(client: Client): StaticFeature {
  return {
    fillInitializeParams(params: InitializeParams) {
      Object.assign(params, initializeParams(client));
    },
    fillClientCapabilities() {},
    initialize() {},
    getState: () => ({ kind: "static" }),
    clear() {},
  };
}

/** The channel, for vscode-languageclient's trace. */
function redacted(log: vscode.LogOutputChannel): vscode.OutputChannel {
  return new Proxy(log, {
    get(target, property) {
      if (property === "append" || property === "appendLine") {
        return (text: string) => target.info(redactTrace(text).trimEnd());
      }
      const value: unknown = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
