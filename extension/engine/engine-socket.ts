/** Dials the engine, starts it if none runs, and makes sure that it is one we can talk to. */
import { spawn } from "node:child_process";
import { closeSync, existsSync, fstatSync, mkdirSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { dial, dialStream, lastWords, maxSocketPathBytes, mayComeUp } from "../../engine/client/dial.ts";
import { engineLogPath, isPrivateDirectory, runDir, socketPath } from "../../engine/common/paths.ts";
import { exitAlreadyRunning, MockerError, type StreamRef } from "../../engine/protocol/index.ts";
import { l10n } from "../l10n.ts";
import type { EngineLocation } from "./locate-engine.ts";

const startTimeoutMs = 20_000;
const startAttempts = 4;
const retryMs = 10;
/** How long that other one, which may be on its way up or out, is waited for. */
const afterlifeMs = 1000;
const endTimeoutMs = 5000;

/** Connects if an engine answers; undefined if none does. Throws MockerError ENGINE_UNREACHABLE. */
export async function dialRunning(): Promise<Socket | undefined> {
  const path = socketPath();
  checkSocketPath(path);
  try {
    return await dial(path);
  } catch (error) {
    if (mayComeUp(error)) return undefined;
    throw new MockerError(
      "ENGINE_UNREACHABLE",
      l10n.t("Cannot connect to the engine at {0}: {1}", path, textOf(error)),
      { hint: l10n.t("Check who owns the socket and its folder."), cause: error },
    );
  }
}

/** Connects to this user's engine and starts it if none runs. Throws MockerError ENGINE_UNREACHABLE. */
export async function dialOrStart(
  locate: () => EngineLocation,
  started: (path: string) => void,
): Promise<Socket> {
  const running = await dialRunning();
  if (running !== undefined) return running;
  const { path } = locate();
  const deadline = Date.now() + startTimeoutMs;
  for (let attempt = 1; ; attempt++) {
    const engine = startEngine(path);
    started(path);
    let patienceEnds = deadline;
    while (Date.now() < patienceEnds) {
      await sleep(retryMs);
      const socket = await dialRunning();
      if (socket !== undefined) return socket;
      const end = engine.ended();
      if (end === undefined) continue;
      // The engine that has the lock may be on its way up, or out.
      if (!end.isSecond) break;
      if (patienceEnds === deadline) patienceEnds = Math.min(deadline, Date.now() + afterlifeMs);
    }
    const end = engine.ended();
    if (end?.isSecond && attempt < startAttempts && Date.now() < deadline) continue;
    const why = end?.why ?? l10n.t("no answer after {0} s", startTimeoutMs / 1000);
    throw new MockerError("ENGINE_UNREACHABLE", l10n.t("The engine did not start: {0}", why), {
      hint: l10n.t("Details are in {0}.", engineLogPath()),
    });
  }
}

/** Opens the stream that a reply named. */
export function openStream(stream: StreamRef): Promise<Socket> {
  return dialStream(socketPath(), stream);
}

/** Ends the engine, whatever protocol it speaks; VMs go on running. Resolves when it is gone, or was not there. */
export async function endEngine(): Promise<void> {
  const socket = await dialRunning();
  if (socket === undefined) return;
  const gone = new Promise<void>((resolve) => {
    socket.once("end", () => resolve());
    socket.once("close", () => resolve());
  });
  socket.on("error", () => undefined);
  socket.resume();
  const message = JSON.stringify({ jsonrpc: "2.0", method: "exit" });
  socket.write(`Content-Length: ${Buffer.byteLength(message)}\r\n\r\n${message}`);
  const ended = await Promise.race([gone.then(() => true), sleep(endTimeoutMs, false, { ref: false })]);
  socket.destroy();
  if (!ended) {
    throw new MockerError(
      "ENGINE_UNREACHABLE",
      l10n.t("The engine did not end within {0} s after it was asked to.", endTimeoutMs / 1000),
      { hint: l10n.t("End its process; VMs go on running.") },
    );
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function checkSocketPath(path: string): void {
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw new MockerError(
      "ENGINE_UNREACHABLE",
      l10n.t("The path of the engine's socket is too long: {0}", path),
      { hint: l10n.t("Set MOCKER_RUN_DIR to a shorter path.") },
    );
  }
  const dir = runDir();
  // Anybody can make folders in /tmp.
  if (dir.startsWith("/tmp/") && existsSync(dir) && !isPrivateDirectory(dir)) {
    throw new MockerError("ENGINE_UNREACHABLE", l10n.t("{0} is not a private folder of this user.", dir), {
      hint: l10n.t("Remove it, or set MOCKER_RUN_DIR to a folder of yours."),
    });
  }
}

interface EngineEnd {
  why: string;
  /** It ended because another one runs. */
  isSecond: boolean;
}

/** On the editor's own Node: no other is needed. Detached: it serves the command line, too, and outlives the window. */
function startEngine(path: string): { ended(): EngineEnd | undefined } {
  const logPath = engineLogPath();
  mkdirSync(dirname(logPath), { recursive: true, mode: 0o700 });
  const log = openSync(logPath, "a", 0o600);
  try {
    const logOffset = fstatSync(log).size;
    let end: EngineEnd | undefined;
    const child = spawn(process.execPath, [path], {
      detached: true,
      // Not the workspace: the engine outlives the window and would keep the folder from being unmounted.
      cwd: "/",
      env: engineEnvironment(),
      stdio: ["ignore", log, log],
    });
    child.once("error", (error) => {
      end = { why: error.message, isSecond: false };
    });
    child.once("exit", (code, signal) => {
      const why =
        lastWords(logPath, logOffset) ??
        (signal === null
          ? l10n.t("it exited with status {0}", String(code))
          : l10n.t("it was ended by {0}", signal));
      end = { why, isSecond: code === exitAlreadyRunning };
    });
    child.unref();
    return { ended: () => end };
  } catch (error) {
    throw new MockerError("ENGINE_UNREACHABLE", l10n.t("The engine did not start: {0}", textOf(error)), {
      cause: error,
    });
  } finally {
    closeSync(log);
  }
}

/** The editor's environment without what concerns the editor alone. */
function engineEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(VSCODE_|NODE_OPTIONS$)/.test(name));
  return { ...Object.fromEntries(own), ELECTRON_RUN_AS_NODE: "1" };
}
