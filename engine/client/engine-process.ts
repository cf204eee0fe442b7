/** An engine that a client started. */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { makeDirectory } from "../common/make-directory.ts";
import { exitAlreadyRunning, exitOtherSocket } from "../protocol/index.ts";
import type { FailedStart } from "./errors.ts";

export class EngineProcess {
  readonly #logPath: string;
  /** Where its lines in the log begin. */
  readonly #logOffset: number;
  #end: FailedStart | undefined;
  #isSecond = false;
  #isElsewhere = false;

  private constructor(logPath: string, logOffset: number) {
    this.#logPath = logPath;
    this.#logOffset = logOffset;
  }

  /**
   * Starts it on this process's Node, detached: it serves other clients too and outlives this one. What it
   * prints goes to the log. Throws Error if the log cannot be written.
   */
  static async start(
    enginePath: string,
    logPath: string,
    env: Readonly<Record<string, string | undefined>>,
  ): Promise<EngineProcess> {
    // Most clients find an engine running.
    const { spawn } = await import("node:child_process");
    makeDirectory(dirname(logPath));
    const log = openSync(logPath, "a", 0o600);
    try {
      const engine = new EngineProcess(logPath, fstatSync(log).size);
      const child = spawn(process.execPath, ["--", enginePath], {
        detached: true,
        // Not the caller's directory: the engine outlives it and would keep it from being unmounted.
        cwd: "/",
        env,
        stdio: ["ignore", log, log],
      });
      child.once("error", (error) => {
        engine.#end = { kind: "said", words: error.message };
      });
      child.once("exit", (code, signal) => {
        engine.#isSecond = code === exitAlreadyRunning;
        engine.#isElsewhere = code === exitOtherSocket;
        engine.#end =
          signal === null ? { kind: "exited", status: code ?? 0 } : { kind: "killed", signal: signal };
      });
      child.unref();
      return engine;
    } finally {
      closeSync(log);
    }
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** It ended because another one has the data directory, and is to be reached soon, or is just ending. */
  get isSecond(): boolean {
    return this.#isSecond;
  }

  /** It ended because another one has the data directory, and its socket at another path. */
  get isElsewhere(): boolean {
    return this.#isElsewhere;
  }

  /** How it ended, in its own words if it left some; undefined while it runs. */
  get failure(): FailedStart | undefined {
    if (this.#end === undefined) return undefined;
    const words = this.#lastWords();
    return words === undefined ? this.#end : { kind: "said", words };
  }

  #lastWords(): string | undefined {
    try {
      const text = readFileSync(this.#logPath).subarray(this.#logOffset).toString("utf8");
      return (
        text
          .trimEnd()
          .split("\n")
          .at(-1)
          ?.replace(/^mocker engine: /, "") || undefined
      );
    } catch {
      return undefined;
    }
  }
}
