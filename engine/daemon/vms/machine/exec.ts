import type { GuestProcess } from "./agent-protocol.ts";

/** What an exec runs, and in which VM. */
export interface ExecConfig {
  vmId: string;
  process: GuestProcess;
}

/** Exit code of an exec whose machine ended under it: as if by SIGKILL. */
const killedExitCode = 137;

/** A process beside the main one: created, running, then exited, with an exit code that stays. */
export class Exec {
  readonly config: ExecConfig;
  #state: "created" | "running" | "exited" = "created";
  #pid = 0;
  #exitCode: number | undefined;
  #finished: ((exitCode: number) => void) | undefined;
  /** Resolves with the exit code when it has ended. */
  readonly exited = new Promise<number>((resolve) => {
    this.#finished = resolve;
  });

  constructor(config: ExecConfig) {
    this.config = config;
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

  started(pid: number): void {
    this.#pid = pid;
    if (this.#state === "created") this.#state = "running";
  }

  /** Only the first end counts. */
  ended(exitCode: number): void {
    if (this.#state === "exited") return;
    this.#state = "exited";
    this.#exitCode = exitCode;
    this.#finished?.(exitCode);
  }

  machineEnded(): void {
    this.ended(killedExitCode);
  }
}
