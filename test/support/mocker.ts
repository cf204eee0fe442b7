import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterFile } from "./after-file.ts";
import { inLab, rootDir } from "./paths.ts";
import {
  isAlive,
  killQuietly,
  monitorsOf,
  networkProcessesOf,
  processesWithEnvironment,
} from "./processes.ts";
import { RunningProcess } from "./running-process.ts";
import { Terminal, type TerminalSize } from "./terminal.ts";
import { removeTree, shortTmpDir } from "./tmp-dir.ts";

export interface RunOptions {
  /** What to write to stdin before closing it. Default: no stdin (/dev/null). */
  stdin?: string | Buffer;
  /** Added to the environment; undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** Kills the client and rejects when it takes longer. Default: 60 s, 10 minutes in the lab. */
  timeoutMs?: number;
}

export interface RunResult {
  /** As a shell has it: 128 + n for signals. */
  code: number;
  stdout: Buffer;
  stderr: string;
}

/** From the caller's environment; everything else is this home's own. */
const passedOn = [
  "PATH",
  "LANG",
  "MOCKER_LAB",
  "MOCKER_BOOT_TIMEOUT_MS",
  "MOCKER_AGENT_TIMEOUT_MS",
  "MOCKER_LIBKRUN",
  "MOCKER_NATIVE_DIR",
];
export const defaultTimeoutMs = inLab ? 600_000 : 60_000;
const instances = new Set<Mocker>();

/**
 * The built command line in a home of its own (HOME, XDG directories, TMPDIR): nothing of this user's Mocker
 * is touched. Its engine starts by itself with the first command. Ends with {@link close}, or after the test
 * file.
 */
export class Mocker {
  /** A directory for the test's own files too. */
  readonly dir = shortTmpDir();
  readonly home = join(this.dir, "h");
  readonly dataDir = join(this.dir, "d", "mocker");
  readonly runDir = join(this.dir, "r", "mocker");
  readonly #env: Record<string, string | undefined>;

  constructor(options: { env?: Record<string, string | undefined> } = {}) {
    this.#env = options.env ?? {};
    for (const name of ["h", "d", "r", "t"]) mkdirSync(join(this.dir, name), { mode: 0o700 });
    instances.add(this);
  }

  /** The environment that clients run in. */
  environment(more: Record<string, string | undefined> = {}): NodeJS.ProcessEnv {
    const env: NodeJS.ProcessEnv = {
      TERM: "xterm",
      HOME: this.home,
      XDG_DATA_HOME: join(this.dir, "d"),
      XDG_RUNTIME_DIR: join(this.dir, "r"),
      XDG_CONFIG_HOME: join(this.home, ".config"),
      TMPDIR: join(this.dir, "t"),
      MOCKER_TEST_HOME: this.dir,
    };
    for (const name of passedOn) env[name] = process.env[name];
    Object.assign(env, this.#env, more);
    return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
  }

  /** Program and arguments of `mocker ARGS`. */
  argv(args: string[]): [string, ...string[]] {
    // As its first lines do.
    return [process.execPath, "--", join(rootDir(), "dist", "cli.js"), ...args];
  }

  /** `mocker ARGS` as a line for a shell. */
  commandLine(args: string[]): string {
    return this.argv(args)
      .map((arg) => (/^[\w./:=@-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`))
      .join(" ");
  }

  /** Runs `mocker ARGS` to its end. Rejects only when it does not end in time. */
  async run(args: string[], options: RunOptions = {}): Promise<RunResult> {
    const running = this.start(args, options);
    if (options.stdin !== undefined) running.stdin.end(options.stdin);
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const failure = this.failure(args, `no end after ${timeoutMs} ms`, running);
        running.kill();
        reject(failure);
      }, timeoutMs);
    });
    try {
      return await Promise.race([running.exited, tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs `mocker ARGS`, which must succeed; returns its stdout. */
  async ok(args: string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(args, options);
    if (result.code !== 0) throw this.failure(args, `exit code ${result.code}`, result);
    return result.stdout.toString();
  }

  /** Runs `mocker ARGS` again and again until its stdout is as wanted; returns that. */
  async until(
    args: string[],
    wanted: RegExp | ((stdout: string) => boolean),
    options: RunOptions = {},
  ): Promise<string> {
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const result = await this.run(args, options);
      const text = result.stdout.toString();
      if (typeof wanted === "function" ? wanted(text) : wanted.test(text)) return text;
      if (performance.now() > deadline) {
        throw this.failure(args, `stdout was not as wanted (${wanted}) within ${timeoutMs} ms`, result);
      }
      await sleep(50);
    }
  }

  /**
   * Starts `mocker ARGS`, to be talked to while it runs. Its stdin is a pipe when `stdin` is given, even
   * empty.
   */
  start(args: string[], options: RunOptions = {}): RunningProcess {
    const [program, ...rest] = this.argv(args);
    const child = spawn(program, rest, {
      env: this.environment(options.env),
      cwd: options.cwd ?? this.dir,
      stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    return new RunningProcess(child, `mocker ${args.join(" ")}`);
  }

  /** A terminal whose shell runs in this home; start `mocker` in it with {@link commandLine}. */
  async terminal(size: TerminalSize): Promise<Terminal> {
    return await Terminal.open(this.dir, this.environment(), size);
  }

  /** Pid of this home's engine, which is started if it does not run. */
  async enginePid(): Promise<number> {
    const info = JSON.parse(await this.ok(["info", "--format", "json"])) as { enginePid: number };
    return info.enginePid;
  }

  async waitForProcessEnd(pid: number, timeoutMs = defaultTimeoutMs): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (isAlive(pid)) {
      if (performance.now() > deadline) throw new Error(`process ${pid} still runs after ${timeoutMs} ms`);
      await sleep(20);
    }
  }

  /** Processes that were started in this home and still run: clients, the engine, monitors, networks'. */
  processes(): number[] {
    const marked = processesWithEnvironment(`MOCKER_TEST_HOME=${this.dir}`);
    return [...new Set([...marked, ...monitorsOf(this.dataDir), ...networkProcessesOf(this.runDir)])];
  }

  engineLog(): string {
    try {
      return readFileSync(join(this.dataDir, "engine.log"), "utf8");
    } catch {
      return "";
    }
  }

  /**
   * Kills the engine, its VMs and everything else that was started in this home, and removes its directory.
   */
  async close(): Promise<void> {
    if (!instances.delete(this)) return;
    for (let attempt = 0; this.processes().length > 0; attempt++) {
      if (attempt === 500) throw new Error(`processes do not die: ${this.processes().join(", ")}`);
      for (const pid of this.processes()) killQuietly(pid);
      await sleep(20);
    }
    removeTree(this.dir);
  }

  /** An error that shows what the client and the engine said. */
  failure(args: string[], what: string, result: { stdout: Buffer | string; stderr: string }): Error {
    const tail = (text: string) => text.trimEnd().slice(-3000);
    return new Error(
      [
        `mocker ${args.join(" ")}: ${what}`,
        `--- stdout\n${tail(result.stdout.toString())}`,
        `--- stderr\n${tail(result.stderr)}`,
        `--- engine log\n${tail(this.engineLog())}`,
      ].join("\n"),
    );
  }
}

afterFile(async () => {
  for (const mocker of instances) await mocker.close();
});
