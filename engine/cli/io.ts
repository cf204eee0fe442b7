/** What the command line touches of its process, so that tests can run it in theirs. */
import type { Readable, Writable } from "node:stream";

export interface InputStream extends Readable {
  readonly isTTY?: boolean;
  readonly isRaw?: boolean;
  setRawMode?(raw: boolean): unknown;
}

export interface OutputStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Io {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Takes over a signal until the returned function is called. */
  onSignal(signal: NodeJS.Signals, handler: () => void): () => void;
  /** Runs `action` should the process end before the returned function is called. */
  onExit(action: () => void): () => void;
}

/** The real process's. */
export function processIo(): Io {
  return {
    // Getters: each of these opens a handle, which costs milliseconds and most commands need no stdin.
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    env: process.env,
    get cwd() {
      return process.cwd();
    },
    onSignal(signal, handler) {
      process.on(signal, handler);
      return () => void process.off(signal, handler);
    },
    onExit(action) {
      process.on("exit", action);
      return () => void process.off("exit", action);
    },
  };
}

/** The same with other variables beside. */
export function withEnvironment(io: Io, variables: Io["env"]): Io {
  return {
    get stdin() {
      return io.stdin;
    },
    get stdout() {
      return io.stdout;
    },
    get stderr() {
      return io.stderr;
    },
    env: { ...io.env, ...variables },
    get cwd() {
      return io.cwd;
    },
    onSignal: (signal, handler) => io.onSignal(signal, handler),
    onExit: (action) => io.onExit(action),
  };
}
