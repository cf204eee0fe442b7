import { MockerError } from "../../../protocol/errors.ts";
import type { GuestProcess } from "./agent-protocol.ts";

/** Which outputs the client that starts an exec gets, and what it sends to leave it; "": the usual keys. */
export interface ExecAttach {
  stdout: boolean;
  stderr: boolean;
  detachKeys: string;
}

/** What an exec runs, and in which VM. */
export interface ExecConfig {
  vmId: string;
  process: GuestProcess;
  /** Absent: what the process writes. */
  attach?: ExecAttach | undefined;
  privileged?: boolean | undefined;
}

/** What is known only when an exec is started. */
export interface ExecStart {
  detach?: boolean;
  /** Of its terminal, in characters. */
  size?: { rows: number; columns: number } | undefined;
}

/** Exit code of an exec whose machine ended under it: as if by SIGKILL. */
const killedExitCode = 137;

/** A process beside the main one: created, running, then exited, with an exit code that stays. */
export class Exec {
  readonly config: ExecConfig;
  #state: "created" | "running" | "exited" = "created";
  #process: GuestProcess;
  #hasBegun = false;
  #pid = 0;
  #exitCode: number | undefined;
  #settle: () => void = () => undefined;
  /** Resolves when it runs, or has ended without. */
  readonly settled = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });
  #finished: ((exitCode: number) => void) | undefined;
  /** Resolves with the exit code when it has ended. */
  readonly exited = new Promise<number>((resolve) => {
    this.#finished = resolve;
  });

  constructor(config: ExecConfig) {
    this.config = config;
    this.#process = config.process;
  }

  /** 64 hex digits; the agent and the monitor know its stream by it. */
  get id(): string {
    return this.config.process.stream;
  }
  get state(): "created" | "running" | "exited" {
    return this.#state;
  }
  /** In the guest; 0 before it runs. */
  get pid(): number {
    return this.#pid;
  }
  /** 0 to 255, once it has exited. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** What is to run, as its start has it. */
  get process(): GuestProcess {
    return this.#process;
  }

  /** Its caller starts it. @throws VM_RUNNING in Docker's words when somebody has before */
  begin({ detach = false, size }: ExecStart): void {
    if (this.#hasBegun) {
      const what = this.#state === "exited" ? "has already run" : "is already running";
      throw new MockerError("VM_RUNNING", `exec command ${this.id} ${what}`);
    }
    this.#hasBegun = true;
    this.#process = {
      ...this.#process,
      detach,
      ...(size ? { rows: size.rows, cols: size.columns } : {}),
    };
  }

  started(pid: number): void {
    this.#pid = pid;
    if (this.#state === "created") this.#state = "running";
    this.#settle();
  }

  /** Only the first end counts. */
  ended(exitCode: number): void {
    if (this.#state === "exited") return;
    this.#state = "exited";
    this.#exitCode = exitCode;
    this.#settle();
    this.#finished?.(exitCode);
  }

  machineEnded(): void {
    this.ended(killedExitCode);
  }
}
