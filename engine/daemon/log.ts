import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { makeDirectory } from "../common/make-directory.ts";
import { scrub } from "../protocol/errors.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

type Fields = Record<string, unknown>;

const maxBytes = 8 * 1024 * 1024;

/**
 * The engine's own log: JSON lines `{time, level, event, …}`, one generation kept (`engine.log.1`). Never
 * holds user data or credentials.
 */
export class Log {
  readonly path: string;
  readonly #minimum: number;
  #fd: number;
  #bytes: number;

  constructor(path: string, level: LogLevel) {
    this.path = path;
    this.#minimum = logLevels.indexOf(level);
    makeDirectory(dirname(path));
    this.#fd = openSync(path, "a", 0o600);
    this.#bytes = fstatSync(this.#fd).size;
  }

  debug(event: string, fields?: Fields): void {
    this.#write("debug", event, fields);
  }
  info(event: string, fields?: Fields): void {
    this.#write("info", event, fields);
  }
  warn(event: string, fields?: Fields): void {
    this.#write("warn", event, fields);
  }
  error(event: string, error: unknown, fields?: Fields): void {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#write("error", event, { ...fields, error: scrub(cause) });
  }

  #write(level: LogLevel, event: string, fields: Fields = {}): void {
    if (logLevels.indexOf(level) < this.#minimum) return;
    const line = `${JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })}\n`;
    try {
      if (this.#bytes > maxBytes) this.#rotate();
      this.#bytes += writeSync(this.#fd, line);
    } catch {
      // A full disk must not take the engine down with its log.
    }
  }

  #rotate(): void {
    renameSync(this.path, `${this.path}.1`);
    closeSync(this.#fd);
    this.#fd = openSync(this.path, "a", 0o600);
    this.#bytes = 0;
  }
}
