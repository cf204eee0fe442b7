import { setTimeout as sleep } from "node:timers/promises";
import * as vscode from "vscode";
import { ProgressType } from "vscode-jsonrpc";
import {
  type EngineInfo,
  type ErrorData,
  engineInfo,
  type InitializeResult,
  MockerError,
  type PullProgress,
} from "../../engine/protocol/index.ts";
import { setting } from "../settings.ts";
import { dialOrStart, dialRunning, endEngine } from "./engine-socket.ts";
import { asMockerError, lostConnection } from "./errors.ts";
import type { EngineLanguageClient } from "./language-client.ts";
import { locateEngine } from "./locate-engine.ts";

/** Members of vscode-jsonrpc's request types that a call needs; its two copies differ in identity only. */
interface Request<P, R> {
  readonly method: string;
  readonly _: [P, R, ErrorData, unknown] | undefined;
}
interface Request0<R> {
  readonly method: string;
  readonly _: [R, ErrorData, unknown] | undefined;
}
interface Notification<P> {
  readonly method: string;
  readonly _: [P, unknown] | undefined;
}

export type ConnectionState =
  /** Nobody has asked for anything yet, and no engine was running. */
  | { kind: "idle" }
  | { kind: "connecting" }
  | { kind: "connected"; info: EngineInfo }
  | { kind: "failed"; error: MockerError };

const firstRetryMs = 50;
const maxRetryMs = 30_000;
/** After this many failures in a row, trying again is up to the user. */
const maxRetries = 8;
/** A connection that held this long was a good one: the next failure starts counting anew. */
const stableMs = 10_000;

/** The one connection of this window to the engine. It comes back by itself, later each time, until told to stop. */
export class Connection implements vscode.Disposable {
  readonly #log: vscode.LogOutputChannel;
  readonly #version: string;
  readonly #stateChanged = new vscode.EventEmitter<ConnectionState>();
  readonly #handlers: { method: string; handler: (params: unknown) => void }[] = [];
  #state: ConnectionState = { kind: "idle" };
  #client: EngineLanguageClient | undefined;
  #closeSocket: (() => void) | undefined;
  #connecting: Promise<void> | undefined;
  #failures = 0;
  #disposed = false;
  #paused = false;

  readonly onDidChangeState = this.#stateChanged.event;

  constructor(log: vscode.LogOutputChannel, version: string) {
    this.#log = log;
    this.#version = version;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Hears a notification on this and all later connections. Register before connecting. */
  onNotification<P>(type: Notification<P>, handler: (params: P) => void): void {
    this.#handlers.push({ method: type.method, handler: handler as (params: unknown) => void });
  }

  /** Throws MockerError. Starts the engine if need be. Cancelling sends `$/cancelRequest`. */
  async request<P, R>(type: Request<P, R>, params: P, token?: vscode.CancellationToken): Promise<R> {
    const client = await this.#ready();
    return this.#send<R>(client, type.method, params, token);
  }

  async request0<R>(type: Request0<R>): Promise<R> {
    const client = await this.#ready();
    return this.#send<R>(client, type.method);
  }

  /** Hears `$/progress` under `token`. Throws MockerError. */
  async onProgress(token: string, handler: (value: PullProgress) => void): Promise<vscode.Disposable> {
    const client = await this.#ready();
    return client.onProgress(new ProgressType<PullProgress>(), token, handler);
  }

  /** Connects, starting the engine if none runs. Throws MockerError. */
  async connect(): Promise<void> {
    if (this.#client !== undefined && this.#state.kind === "connected") return;
    this.#connecting ??= this.#connectOnce(true).finally(() => {
      this.#connecting = undefined;
    });
    await this.#connecting;
  }

  /** Connects if an engine runs; starts none. */
  async connectIfRunning(): Promise<void> {
    if (this.#state.kind !== "idle") return;
    this.#connecting ??= this.#connectOnce(false).finally(() => {
      this.#connecting = undefined;
    });
    await this.#connecting.catch(() => undefined);
  }

  /** Ends the engine and starts the one that is configured now. VMs go on running. Throws MockerError. */
  async restartEngine(): Promise<void> {
    this.#paused = true;
    try {
      await this.#connecting?.catch(() => undefined);
      this.#setState({ kind: "connecting" });
      await endEngine();
      this.#drop();
    } catch (error) {
      this.#setState({ kind: "failed", error: asMockerError(error) });
      throw error;
    } finally {
      this.#paused = false;
    }
    this.#failures = 0;
    await this.connect();
  }

  /** The engine goes on: it serves other windows and the command line. */
  dispose(): void {
    this.#disposed = true;
    this.#drop();
    this.#stateChanged.dispose();
  }

  async #ready(): Promise<EngineLanguageClient> {
    await this.connect();
    if (this.#client === undefined) throw asMockerError(new Error("Connection is closed."));
    return this.#client;
  }

  async #send<R>(
    client: EngineLanguageClient,
    method: string,
    params?: unknown,
    token?: vscode.CancellationToken,
  ): Promise<R> {
    try {
      // An undefined token would count as a second parameter.
      return await (token === undefined
        ? client.sendRequest<R>(method, params ?? {})
        : client.sendRequest<R>(method, params ?? {}, token));
    } catch (error) {
      throw asMockerError(error);
    }
  }

  async #connectOnce(mayStart: boolean): Promise<void> {
    const idle = this.#state.kind === "idle" && !mayStart;
    if (!idle) this.#setState({ kind: "connecting" });
    try {
      const socket = mayStart
        ? await dialOrStart(
            () => locateEngine(setting("engine.path"), process.env, __dirname),
            (path) => this.#log.info(`Starting the engine ${path}`),
          )
        : await dialRunning();
      if (socket === undefined) return;
      // Half-open is for side streams.
      socket.once("end", () => socket.destroy());
      socket.on("error", () => undefined);
      const connectedAt = Date.now();
      // Not needed to activate: vscode-languageclient takes longer to load than all the rest.
      const { EngineLanguageClient } = await import("./language-client.ts");
      const client: EngineLanguageClient = new EngineLanguageClient(socket, this.#log, this.#version, () => {
        if (this.#client !== client) return;
        this.#client = undefined;
        this.#onLost(Date.now() - connectedAt);
      });
      for (const { method, handler } of this.#handlers) client.onNotification(method, handler);
      try {
        await client.start();
      } catch (error) {
        socket.destroy();
        throw handshakeError(asMockerError(error));
      }
      const { engine } = client.initializeResult as unknown as InitializeResult;
      this.#client = client;
      this.#closeSocket = () => socket.destroy();
      const info = await this.#send<EngineInfo>(client, engineInfo.method);
      this.#log.info(`Connected to engine ${engine.version}, process ${engine.pid}`);
      if (engine.version !== this.#version) {
        this.#log.warn(`The engine is version ${engine.version}, this extension ${this.#version}`);
      }
      this.#setState({ kind: "connected", info });
    } catch (error) {
      this.#client = undefined;
      const failure = asMockerError(error);
      this.#log.error(`${failure.message} ${failure.hint ?? ""}`.trimEnd());
      this.#setState({ kind: "failed", error: failure });
      throw failure;
    }
  }

  #onLost(heldMs: number): void {
    if (this.#disposed || this.#paused) return;
    this.#failures = heldMs > stableMs ? 0 : this.#failures + 1;
    this.#log.warn("The connection to the engine was lost");
    if (this.#failures > maxRetries) {
      this.#setState({ kind: "failed", error: lostConnection() });
      return;
    }
    this.#setState({ kind: "connecting" });
    this.#reconnect().catch(() => undefined);
  }

  async #reconnect(): Promise<void> {
    for (; !this.#disposed && this.#failures <= maxRetries; this.#failures++) {
      await sleep(Math.min(maxRetryMs, firstRetryMs * 2 ** this.#failures), undefined, { ref: false });
      if (this.#disposed || this.#state.kind === "connected") return;
      try {
        await this.connect();
        return;
      } catch (error) {
        // A wrong path or version is not cured by waiting.
        if (asMockerError(error).details?.source !== undefined) return;
      }
    }
  }

  #drop(): void {
    this.#client = undefined;
    this.#closeSocket?.();
    this.#closeSocket = undefined;
  }

  #setState(state: ConnectionState): void {
    this.#state = state;
    if (!this.#disposed) this.#stateChanged.fire(state);
  }
}

/** What an engine answers to `initialize` that is no failure of its own: it speaks another version of the protocol. */
function handshakeError(error: MockerError): MockerError {
  if (error.code !== "INVALID_ARGUMENT") return error;
  return new MockerError("ENGINE_UNREACHABLE", error.message, {
    hint: vscode.l10n.t("Restart the engine: VMs go on running."),
    details: { source: "version" },
    cause: error,
  });
}
