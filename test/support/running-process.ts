import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import type { Writable } from "node:stream";
import { stretched } from "./paths.ts";

/** A child process and what it has written so far. */
export class RunningProcess {
  readonly pid: number;
  /** Resolves when it has ended and all of its output was read. */
  readonly exited: Promise<{ code: number; stdout: Buffer; stderr: string }>;
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];

  constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
    this.pid = child.pid ?? 0;
    child.stdout?.on("data", (data: Buffer) => this.#stdout.push(data));
    child.stderr?.on("data", (data: Buffer) => this.#stderr.push(data));
    // The process may end before it has read everything.
    child.stdin?.on("error", () => {});
    this.exited = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status, signal) => {
        const code = status ?? 128 + (signal === null ? 0 : constants.signals[signal]);
        resolve({ code, stdout: Buffer.concat(this.#stdout), stderr: this.stderr });
      });
    });
    this.exited.catch(() => {});
  }

  get stdout(): string {
    return Buffer.concat(this.#stdout).toString();
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString();
  }

  get stdin(): Writable {
    if (this.#child.stdin === null) throw new TypeError(`${this.#name} was started without stdin`);
    return this.#child.stdin;
  }

  /** All of its stdout, once it has ended by itself. */
  async output(): Promise<string> {
    return (await this.exited).stdout.toString();
  }

  /**
   * Resolves when its output has matched; rejects when it ends, or 30 s (stretched in the lab) are over,
   * before.
   */
  waitForOutput(
    pattern: RegExp,
    options: { stream?: "stdout" | "stderr"; timeoutMs?: number } = {},
  ): Promise<RegExpMatchArray> {
    const { stream = "stdout", timeoutMs = stretched(30_000) } = options;
    return new Promise((resolve, reject) => {
      const source = this.#child[stream];
      const settle = () => {
        clearTimeout(timer);
        source?.off("data", check);
      };
      const check = (): boolean => {
        const match = this[stream].match(pattern);
        if (match === null) return false;
        settle();
        resolve(match);
        return true;
      };
      const fail = (why: string) => {
        settle();
        const seen = `--- stdout\n${this.stdout.slice(-3000)}\n--- stderr\n${this.stderr.slice(-3000)}`;
        reject(new Error(`${this.#name}: ${why} before ${pattern} came on ${stream}\n${seen}`));
      };
      const timer = setTimeout(() => fail(`${timeoutMs} ms went by`), timeoutMs);
      source?.on("data", check);
      if (check()) return;
      this.exited.then(
        ({ code }) => {
          if (!check()) fail(`it ended (${code})`);
        },
        (error) => fail(String(error)),
      );
    });
  }

  /** Sends a signal; default SIGKILL, after which its output is not waited for. */
  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#child.kill(signal);
    if (signal !== "SIGKILL") return;
    // A daemon that holds the pipes would keep "close" from coming.
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }
}
