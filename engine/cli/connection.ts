/** The connection to the engine: finds it, starts it if need be, shakes hands, and turns its errors into MockerErrors. */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CancellationTokenSource,
  createMessageConnection,
  ErrorCodes,
  type Message,
  type MessageConnection,
  ProgressType,
  type RequestType,
  type RequestType0,
  ResponseError,
  SocketMessageReader,
  SocketMessageWriter,
} from "vscode-jsonrpc/node.js";
import { dial, dialStream, lastWords, maxSocketPathBytes, mayComeUp } from "../client/dial.ts";
import { engineLogPath, isPrivateDirectory, runDir, socketPath } from "../common/paths.ts";
import {
  type ErrorData,
  exitAlreadyRunning,
  type InitializeResult,
  initialize,
  MockerError,
  protocolVersion,
  type StreamRef,
} from "../protocol/index.ts";
import { clientVersion } from "./version.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const startTimeoutMs = 20_000;
/** An engine that is merely busy answers within this. */
const handshakeTimeoutMs = 10_000;
const startAttempts = 4;
const retryMs = 5;
/** How long to wait for that other one, which may be on its way up, or on its way out. */
const afterlifeMs = 700;

export interface RequestOptions {
  /** Sends `$/cancelRequest` when aborted; the request then fails with CANCELLED. */
  signal?: AbortSignal;
}

/** A running engine, after the handshake. */
export class Engine {
  readonly version: string;
  readonly pid: number;
  readonly #connection: MessageConnection;
  readonly #socket: Socket;
  readonly #path: string;

  constructor(
    connection: MessageConnection,
    socket: Socket,
    path: string,
    engine: { version: string; pid: number },
  ) {
    this.#connection = connection;
    this.#socket = socket;
    this.#path = path;
    this.version = engine.version;
    this.pid = engine.pid;
  }

  /** Throws MockerError. */
  async request<P, R>(
    type: RequestType<P, R, ErrorData>,
    params: P,
    options: RequestOptions = {},
  ): Promise<R> {
    const { signal } = options;
    if (signal === undefined) return this.#answer(this.#connection.sendRequest(type, params));
    const source = new CancellationTokenSource();
    const cancel = (): void => source.cancel();
    signal.addEventListener("abort", cancel);
    try {
      if (signal.aborted) cancel();
      return await this.#answer(this.#connection.sendRequest(type, params, source.token));
    } finally {
      signal.removeEventListener("abort", cancel);
      source.dispose();
    }
  }

  /** A request without parameters. Throws MockerError. */
  request0<R>(type: RequestType0<R, ErrorData>): Promise<R> {
    return this.#answer(this.#connection.sendRequest(type));
  }

  /** Hears `$/progress` under `token` until the returned function is called. */
  onProgress<P>(token: string, handler: (value: P) => void): () => void {
    const subscription = this.#connection.onProgress(new ProgressType<P>(), token, handler);
    return () => subscription.dispose();
  }

  /** Opens the stream that a reply named. */
  openStream(stream: StreamRef): Promise<Socket> {
    return dialStream(this.#path, stream);
  }

  close(): void {
    this.#connection.dispose();
    this.#socket.destroy();
  }

  async #answer<R>(response: Promise<R>): Promise<R> {
    try {
      return await response;
    } catch (error) {
      throw asMockerError(error);
    }
  }
}

/** What vscode-jsonrpc itself rejects with when the connection ends under a request. */
const lostConnectionCodes: readonly number[] = [
  ErrorCodes.PendingResponseRejected,
  ErrorCodes.ConnectionInactive,
  ErrorCodes.MessageWriteError,
  ErrorCodes.MessageReadError,
];

/** The engine's own error response, as opposed to a lost connection. */
function isAnswer(error: unknown): error is ResponseError<unknown> {
  return error instanceof ResponseError && !lostConnectionCodes.includes(error.code);
}

function asMockerError(error: unknown): MockerError {
  if (isAnswer(error)) {
    const data: unknown = error.data;
    if (typeof data === "object" && data !== null && "code" in data && typeof data.code === "string") {
      const { code, hint, details } = data as ErrorData;
      return new MockerError(code, error.message, { hint, details, cause: error });
    }
    return new MockerError("INTERNAL", error.message, { cause: error });
  }
  return new MockerError("ENGINE_UNREACHABLE", "lost the connection to the mocker engine", {
    hint: "running VMs are not affected; run the command again, it starts the engine anew",
    cause: error,
  });
}

class HandshakeLost extends Error {}

/**
 * vscode-jsonrpc 8 rejects a promise that nobody can see when a write fails, beside the request's. A failed write
 * here ends the connection instead, and that fails all requests.
 */
class ConnectionWriter extends SocketMessageWriter {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super(socket);
    this.#socket = socket;
  }

  override async write(message: Message): Promise<void> {
    try {
      await super.write(message);
    } catch {
      this.#socket.destroy();
    }
  }
}

async function shakeHands(socket: Socket, path: string, timeoutMs: number): Promise<Engine> {
  const connection = createMessageConnection(new SocketMessageReader(socket), new ConnectionWriter(socket));
  // Pending requests must fail, not hang, when the engine dies.
  connection.onClose(() => connection.dispose());
  connection.onError(() => undefined);
  socket.on("error", () => undefined);
  socket.once("end", () => socket.destroy());
  connection.listen();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    socket.destroy();
  }, timeoutMs);
  let result: InitializeResult;
  try {
    result = await connection.sendRequest(initialize, {
      protocolVersion,
      client: { name: "mocker", version: clientVersion },
    });
  } catch (error) {
    socket.destroy();
    if (isAnswer(error)) throw asMockerError(error);
    if (timedOut) {
      throw new MockerError(
        "ENGINE_UNREACHABLE",
        `the mocker engine at ${path} does not answer within ${timeoutMs / 1000} s`,
        { hint: "end its process (VMs go on running); the next command starts a new engine" },
      );
    }
    throw new HandshakeLost("the engine closed the connection", { cause: error });
  } finally {
    clearTimeout(timer);
  }
  const { protocolVersion: theirs, engine } = result;
  if (theirs !== protocolVersion) {
    connection.dispose();
    socket.destroy();
    throw new MockerError(
      "ENGINE_UNREACHABLE",
      `the running mocker engine (${engine.version}, process ${engine.pid}) speaks protocol ${theirs}, this command (${clientVersion}) protocol ${protocolVersion}`,
      {
        hint: `restart the engine: kill ${engine.pid}; VMs go on running and the next command starts a new engine`,
      },
    );
  }
  return new Engine(connection, socket, path, engine);
}

/** Connects if an engine answers; undefined if none does. */
async function connectToRunning(path: string, timeoutMs: number): Promise<Engine | undefined> {
  let socket: Socket;
  try {
    socket = await dial(path);
  } catch (error) {
    if (mayComeUp(error)) return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new MockerError("ENGINE_UNREACHABLE", `cannot connect to the mocker engine at ${path}: ${reason}`, {
      hint: "check who owns the socket and its folder, or set MOCKER_RUN_DIR to a folder of yours",
      cause: error,
    });
  }
  try {
    return await shakeHands(socket, path, timeoutMs);
  } catch (error) {
    if (error instanceof HandshakeLost) return undefined;
    throw error;
  }
}

interface StartedEngine {
  /** How it ended, once it has. */
  ended?: string;
  /** It ended because another one runs. */
  isSecond?: boolean;
  /** Where this start's lines in the log begin. */
  logOffset: number;
}

async function startEngine(enginePath: string, logPath: string, env: Environment): Promise<StartedEngine> {
  // Most commands find an engine running.
  const { spawn } = await import("node:child_process");
  mkdirSync(dirname(logPath), { recursive: true, mode: 0o700 });
  const log = openSync(logPath, "a", 0o600);
  try {
    const started: StartedEngine = { logOffset: fstatSync(log).size };
    const child = spawn(process.execPath, [enginePath], {
      detached: true,
      // Not the caller's folder: the engine outlives it and would keep it from being unmounted.
      cwd: "/",
      env,
      stdio: ["ignore", log, log],
    });
    child.once("error", (error) => {
      started.ended = error.message;
    });
    child.once("exit", (code, signal) => {
      started.isSecond = code === exitAlreadyRunning;
      started.ended = signal === null ? `it exited with status ${code}` : `it was ended by ${signal}`;
    });
    child.unref();
    return started;
  } finally {
    closeSync(log);
  }
}

/**
 * Connects to this user's engine and starts it if none runs. Several commands may do so at once: the engine's own lock
 * lets one of the processes live, and all commands end up connected to that one.
 * `timeoutMs` is for an engine's answer to the handshake. Throws MockerError ENGINE_UNREACHABLE.
 */
export async function connect(env: Environment, timeoutMs = handshakeTimeoutMs): Promise<Engine> {
  const path = socketPath(env);
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw new MockerError(
      "INVALID_ARGUMENT",
      `the path of the engine's socket is too long for a socket: ${path}`,
      {
        hint: "set MOCKER_RUN_DIR to a shorter path",
      },
    );
  }
  const dir = runDir(env);
  if (dir.startsWith("/tmp/") && existsSync(dir) && !isPrivateDirectory(dir)) {
    throw new MockerError("ENGINE_UNREACHABLE", `${dir} is not a private folder of this user`, {
      hint: `remove it, chmod it to 0700, or set MOCKER_RUN_DIR to a folder of yours`,
    });
  }
  const running = await connectToRunning(path, timeoutMs);
  if (running !== undefined) return running;

  const enginePath = env.MOCKER_ENGINE || join(__dirname, "engine.js");
  const logPath = engineLogPath(env);
  const failed = (why: string, hint: string): MockerError =>
    new MockerError("ENGINE_UNREACHABLE", `the mocker engine did not start: ${why}`, { hint });
  if (!existsSync(enginePath)) {
    throw failed(`${enginePath} does not exist`, "reinstall mocker, or set MOCKER_ENGINE to its engine.js");
  }

  const deadline = Date.now() + startTimeoutMs;
  for (let attempt = 1; ; attempt++) {
    let started: StartedEngine;
    try {
      started = await startEngine(enginePath, logPath, env);
    } catch (error) {
      throw failed(error instanceof Error ? error.message : String(error), `check ${logPath}`);
    }
    let patienceEnds = deadline;
    while (Date.now() < patienceEnds) {
      await sleep(retryMs);
      const engine = await connectToRunning(path, timeoutMs);
      if (engine !== undefined) return engine;
      if (started.ended === undefined) continue;
      if (started.isSecond !== true) break;
      if (patienceEnds === deadline) patienceEnds = Date.now() + afterlifeMs;
    }
    if (started.ended === undefined) {
      throw failed(`it does not answer at ${path} after ${startTimeoutMs / 1000} s`, `see ${logPath}`);
    }
    if (started.isSecond !== true || attempt === startAttempts || Date.now() >= deadline) {
      const words = lastWords(logPath, started.logOffset);
      const hint =
        started.isSecond === true
          ? "its clients find it with another MOCKER_RUN_DIR; use that one, end it, or set MOCKER_DATA_DIR to another folder"
          : `see ${logPath}`;
      throw failed(words ?? started.ended, hint);
    }
  }
}
