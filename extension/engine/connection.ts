import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import * as vscode from "vscode";
import type { NotificationType, RequestType, RequestType0 } from "vscode-jsonrpc";
import { lostConnection } from "../../engine/client/errors.ts";
import { socketPath } from "../../engine/common/paths.ts";
import {
  type EngineInfo,
  type ErrorData,
  engineInfo,
  type MockerError,
  type PullProgress,
  type StreamRef,
} from "../../engine/protocol/index.ts";
import { setting } from "../settings.ts";
import { asMockerError } from "./errors.ts";
import type { EngineLanguageClient } from "./language-client.ts";
import { locateEngine } from "./locate-engine.ts";

export type ConnectionState =
  /** Nobody has asked for anything yet, and no engine was running. */
  | { kind: "idle" }
  | { kind: "connecting" }
  | { kind: "connected"; info: EngineInfo }
  | { kind: "failed"; error: MockerError };

/** Finds and starts engines, which a window that uses none need not load. */
const reachEngine = () => import("../../engine/client/reach-engine.ts");

const firstRetryMs = 50;
const maxRetryMs = 30_000;
/** After this many failures in a row, trying again is up to the user. */
const maxRetries = 8;
/** A connection that held this long was a good one: the next failure starts counting anew. */
const stableMs = 10_000;

/**
 * The one connection of this window to the engine. It comes back by itself, later each time, until told to
 * stop.
 */
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
  onNotification<P>(type: NotificationType<P>, handler: (params: P) => void): void {
    this.#handlers.push({ method: type.method, handler: handler as (params: unknown) => void });
  }

  /** Throws MockerError. Starts the engine if need be. Cancelling sends `$/cancelRequest`. */
  async request<P, R>(
    type: RequestType<P, R, ErrorData>,
    params: P,
    token?: vscode.CancellationToken,
  ): Promise<R> {
    const client = await this.#ready();
    // An undefined token would count as a second parameter.
    return answer(
      token === undefined ? client.sendRequest(type, params) : client.sendRequest(type, params, token),
    );
  }

  async request0<R>(type: RequestType0<R, ErrorData>, token?: vscode.CancellationToken): Promise<R> {
    const client = await this.#ready();
    return answer(client.sendRequest(type, token));
  }

  /** Opens the stream that a reply named. Throws MockerError. */
  async openStream(stream: StreamRef): Promise<Socket> {
    const { dialStream } = await import("../../engine/client/engine-socket.ts");
    const socket = await answer(dialStream(socketPath(), stream));
    if (socket === undefined) throw asMockerError(lostConnection());
    return socket;
  }

  /** Hears `$/progress` under `token`. Throws MockerError. */
  async onProgress(token: string, handler: (value: PullProgress) => void): Promise<vscode.Disposable> {
    const client = await this.#ready();
    return client.onPullProgress(token, handler);
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
    if (this.#state.kind !== "idle" || !existsSync(socketPath())) return;
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
      await (await reachEngine()).endEngine(process.env);
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
    if (this.#client === undefined) throw asMockerError(lostConnection());
    return this.#client;
  }

  async #connectOnce(mayStart: boolean): Promise<void> {
    const idle = this.#state.kind === "idle" && !mayStart;
    if (!idle) this.#setState({ kind: "connecting" });
    try {
      const options = {
        env: process.env,
        connected: (socket: Socket, path: string) => this.#open(socket, path),
      };
      const { reachOrStart, reachRunning } = await reachEngine();
      const client = mayStart
        ? await reachOrStart({
            ...options,
            locate: () => locateEngine(setting("engine.path"), process.env, __dirname).path,
            engineEnv: engineEnvironment(),
            onStart: (path) => this.#log.info(`Starting the engine ${path}`),
          })
        : await reachRunning(options);
      if (client === undefined) return;
      const info = await answer(client.sendRequest(engineInfo));
      this.#log.info(`Connected to engine ${info.version}, process ${info.enginePid}`);
      if (info.version !== this.#version) {
        this.#log.warn(`The engine is version ${info.version}, this extension ${this.#version}`);
      }
      this.#setState({ kind: "connected", info });
    } catch (error) {
      this.#drop();
      const failure = asMockerError(error);
      this.#log.error(`${failure.message} ${failure.hint ?? ""}`.trimEnd());
      this.#setState({ kind: "failed", error: failure });
      throw failure;
    }
  }

  /** Shakes hands and makes it the connection of this window. */
  async #open(socket: Socket, path: string): Promise<EngineLanguageClient> {
    // Not needed to activate: vscode-languageclient takes longer to load than all the rest.
    const { EngineLanguageClient } = await import("./language-client.ts");
    const { shakeHands } = await import("../../engine/client/handshake.ts");
    const connectedAt = Date.now();
    const self = { name: "vscode", version: this.#version };
    const client: EngineLanguageClient = new EngineLanguageClient(socket, this.#log, self, () => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#onLost(Date.now() - connectedAt);
    });
    for (const { method, handler } of this.#handlers) client.onNotification(method, handler);
    await shakeHands(socket, path, self, () => client.initialized());
    this.#client = client;
    this.#closeSocket = () => socket.destroy();
    return client;
  }

  #onLost(heldMs: number): void {
    if (this.#disposed || this.#paused) return;
    this.#failures = heldMs > stableMs ? 0 : this.#failures + 1;
    this.#log.warn("The connection to the engine was lost");
    if (this.#failures > maxRetries) {
      this.#setState({ kind: "failed", error: asMockerError(lostConnection()) });
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

async function answer<R>(response: Promise<R>): Promise<R> {
  try {
    return await response;
  } catch (error) {
    throw asMockerError(error);
  }
}

/**
 * The editor's environment without what concerns the editor alone; the engine runs on the editor's own Node.
 */
function engineEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(VSCODE_|NODE_OPTIONS$)/.test(name));
  return { ...Object.fromEntries(own), ELECTRON_RUN_AS_NODE: "1" };
}
