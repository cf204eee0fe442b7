/** Runs the command line in this process: its streams, signals and environment are the test's. */
import { EventEmitter } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, type Writable } from "node:stream";
import type { Io, OutputStream } from "../../../engine/cli/io.ts";
import { main } from "../../../engine/cli/program.ts";
import { FakeEngine, type FakeEngineOptions } from "../client/fake-engine.ts";

export interface Terminal {
  rows: number;
  columns: number;
}

export class TestIo implements Io {
  readonly stdin: PassThrough & { isTTY: boolean; isRaw: boolean; setRawMode(raw: boolean): void };
  readonly stdout: OutputStream & { isTTY: boolean; rows?: number; columns?: number };
  readonly stderr: OutputStream;
  readonly env: Record<string, string | undefined>;
  readonly cwd: string;
  /** Raw mode's changes, in order. */
  readonly rawModes: boolean[] = [];
  readonly #signals = new EventEmitter();
  readonly #captured = { stdout: [] as Buffer[], stderr: [] as Buffer[] };

  constructor(options: {
    env: Record<string, string | undefined>;
    cwd: string;
    terminal?: Terminal;
    stdout?: Writable;
  }) {
    this.env = options.env;
    this.cwd = options.cwd;
    const { terminal } = options;
    this.stdin = Object.assign(new PassThrough(), {
      isTTY: terminal !== undefined,
      isRaw: false,
      setRawMode: (raw: boolean) => {
        this.rawModes.push(raw);
        this.stdin.isRaw = raw;
      },
    });
    const captured = new PassThrough();
    captured.on("data", (chunk: Buffer) => this.#captured.stdout.push(chunk));
    this.stdout = Object.assign(options.stdout ?? captured, { isTTY: terminal !== undefined, ...terminal });
    this.stderr = new PassThrough();
    this.stderr.on("data", (chunk: Buffer) => this.#captured.stderr.push(chunk));
  }

  onSignal(signal: NodeJS.Signals, handler: () => void): () => void {
    this.#signals.on(signal, handler);
    return () => void this.#signals.off(signal, handler);
  }

  onExit(): () => void {
    return () => undefined;
  }

  signal(signal: NodeJS.Signals): void {
    this.#signals.emit(signal);
  }

  listens(signal: NodeJS.Signals): boolean {
    return this.#signals.listenerCount(signal) > 0;
  }

  resize(size: Terminal): void {
    Object.assign(this.stdout, size);
    this.stdout.emit("resize");
  }

  stdoutBytes(): Buffer {
    return Buffer.concat(this.#captured.stdout);
  }

  output(): string {
    return this.stdoutBytes().toString("utf8");
  }

  errors(): string {
    return Buffer.concat(this.#captured.stderr).toString("utf8");
  }
}

export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** A folder, a fake engine in it, and command lines that talk to it. */
export class Setup {
  readonly dir: string;
  readonly engine: FakeEngine;

  private constructor(dir: string, engine: FakeEngine) {
    this.dir = dir;
    this.engine = engine;
  }

  static async create(options: FakeEngineOptions = {}): Promise<Setup> {
    const dir = await mkdtemp(join(tmpdir(), "mocker-cli-"));
    return new Setup(dir, await FakeEngine.listen(dir, options));
  }

  io(options: { env?: Record<string, string>; terminal?: Terminal; stdout?: Writable } = {}): TestIo {
    return new TestIo({
      cwd: this.dir,
      ...options,
      env: {
        MOCKER_RUN_DIR: this.dir,
        MOCKER_DATA_DIR: this.dir,
        MOCKER_ENGINE: "/nonexistent",
        XDG_CONFIG_HOME: this.dir,
        ...options.env,
      },
    });
  }

  async run(argv: readonly string[], env: Record<string, string> = {}): Promise<Result> {
    const io = this.io({ env });
    io.stdin.end();
    const code = await main(argv, io);
    return { code, stdout: io.output(), stderr: io.errors() };
  }

  async close(): Promise<void> {
    await this.engine.close();
    // A command that ends just now may still be writing its code cache.
    await rm(this.dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** Runs a command that needs no engine: its socket's folder does not exist. */
export async function runOffline(argv: readonly string[], env: Record<string, string> = {}): Promise<Result> {
  const io = new TestIo({
    cwd: "/",
    env: {
      MOCKER_RUN_DIR: "/nonexistent",
      MOCKER_DATA_DIR: "/nonexistent",
      MOCKER_ENGINE: "/nonexistent",
      ...env,
    },
  });
  io.stdin.end();
  const code = await main(argv, io);
  return { code, stdout: io.output(), stderr: io.errors() };
}
