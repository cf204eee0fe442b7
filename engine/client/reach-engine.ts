/** Finds this user's engine, and starts it if none runs. */
import type { Socket } from "node:net";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { engineLogPath, socketPath } from "../common/paths.ts";
import { EngineProcess } from "./engine-process.ts";
import { dial } from "./engine-socket.ts";
import { EngineUnreachable, type FailedStart } from "./errors.ts";
import { makeRunDirectory } from "./run-directory.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const startTimeoutMs = 20_000;
const retryMs = 5;
/**
 * How long to wait for an engine that has the data directory before another one is started: it may be on its
 * way up, or on its way out.
 */
const otherEngineMs = 700;
const endTimeoutMs = 5000;

export interface ReachOptions<T> {
  /** Says where socket, data and log are. */
  env: Environment;
  /** Shakes hands on a new connection, and owns it from then on. Rejects with MockerError. */
  connected(socket: Socket, path: string): Promise<T>;
}

export interface StartOptions<T> extends ReachOptions<T> {
  /** Path of the engine to start. Throws MockerError if there is none. */
  locate(): string;
  /** Of an engine that is started; default: `env`. */
  engineEnv?: Environment;
  onStart?(enginePath: string): void;
}

/** @returns undefined if no engine runs, or one that is just ending; throws MockerError */
export async function reachRunning<T>({ env, connected }: ReachOptions<T>): Promise<T | undefined> {
  const path = socketPath(env);
  const socket = await dial(path);
  if (socket === undefined) return undefined;
  try {
    return await connected(socket, path);
  } catch (error) {
    if (error instanceof EngineUnreachable && error.reason.kind === "lost") return undefined;
    throw error;
  }
}

/**
 * Connects to this user's engine and starts it if none runs. Several clients may do so at once: the engine's
 * own lock lets one of the processes live, and all clients end up connected to that one. Throws MockerError.
 */
export async function reachOrStart<T>(options: StartOptions<T>): Promise<T> {
  const running = await reachRunning(options);
  if (running !== undefined) return running;

  const { env } = options;
  const path = socketPath(env);
  const logPath = engineLogPath(env);
  const enginePath = options.locate();
  makeRunDirectory(dirname(path));

  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    let engine: EngineProcess;
    try {
      engine = await EngineProcess.start(enginePath, logPath, options.engineEnv ?? env);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      throw notStarted({ kind: "said", words }, `check ${logPath}`, logPath);
    }
    options.onStart?.(enginePath);
    let patienceEnds = deadline;
    while (Date.now() < patienceEnds) {
      await sleep(retryMs);
      const reached = await reachRunning(options);
      if (reached !== undefined) return reached;
      if (!engine.ended) continue;
      if (!engine.isSecond) break;
      if (patienceEnds === deadline) patienceEnds = Math.min(deadline, Date.now() + otherEngineMs);
    }
    const { failure } = engine;
    if (failure === undefined) {
      throw notStarted({ kind: "silent", seconds: startTimeoutMs / 1000 }, `see ${logPath}`, logPath, path);
    }
    if (engine.isElsewhere) {
      const hint =
        "its clients find it with another MOCKER_RUN_DIR; use that one, end it, or set MOCKER_DATA_DIR to another directory";
      throw notStarted(failure, hint, logPath);
    }
    if (!engine.isSecond || Date.now() >= deadline) throw notStarted(failure, `see ${logPath}`, logPath);
  }
}

/**
 * Ends the engine, whatever protocol it speaks; VMs go on running. Resolves when it is gone, or was not
 * there. Throws EngineUnreachable, of the kind "end" if it does not.
 */
export async function endEngine(env: Environment): Promise<void> {
  const path = socketPath(env);
  const socket = await dial(path);
  if (socket === undefined) return;
  const gone = new Promise<boolean>((resolve) => {
    socket.once("end", () => resolve(true));
    socket.once("close", () => resolve(true));
  });
  socket.on("error", () => undefined);
  socket.resume();
  const message = JSON.stringify({ jsonrpc: "2.0", method: "exit" });
  socket.write(`Content-Length: ${Buffer.byteLength(message)}\r\n\r\n${message}`);
  const ended = await Promise.race([gone, sleep(endTimeoutMs, false, { ref: false })]);
  socket.destroy();
  if (ended) return;
  const seconds = endTimeoutMs / 1000;
  throw new EngineUnreachable(
    { kind: "end", seconds },
    `the mocker engine did not end within ${seconds} s after it was asked to`,
    { hint: "end its process; VMs go on running" },
  );
}

function notStarted(failure: FailedStart, hint: string, logPath: string, path = ""): EngineUnreachable {
  return new EngineUnreachable(
    { kind: "start", failure, logPath },
    `the mocker engine did not start: ${failureText(failure, path)}`,
    { hint },
  );
}

function failureText(failure: FailedStart, path: string): string {
  switch (failure.kind) {
    case "said":
      return failure.words;
    case "exited":
      return `it exited with status ${failure.status}`;
    case "killed":
      return `it was ended by ${failure.signal}`;
    case "silent":
      return `it does not answer at ${path} after ${failure.seconds} s`;
  }
}
