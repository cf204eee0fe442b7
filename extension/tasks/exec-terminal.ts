import * as vscode from "vscode";
import { execResize, execSignal, vmExec } from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import type { OpenedProcess, TerminalSize } from "../terminals/process-terminal.ts";
import type { ExecTask } from "./task-definition.ts";
import { TaskTerminal } from "./task-terminal.ts";

/** A command in a VM that runs, in the terminal of a task. */
export class ExecTerminal extends TaskTerminal {
  readonly #connection: Connection;
  readonly #task: Omit<ExecTask, "kind">;
  #execId: string | undefined;

  constructor(connection: Connection, task: Omit<ExecTask, "kind">, onFailed: (error: unknown) => void) {
    super(onFailed);
    this.#connection = connection;
    this.#task = task;
  }

  protected override async connect(size: TerminalSize | undefined): Promise<OpenedProcess> {
    const { vm, command, cwd, env, user } = this.#task;
    const { execId, stream } = await this.#connection.request(vmExec, {
      vm,
      command,
      env: ["TERM=xterm-256color", "COLORTERM=truecolor", ...env],
      tty: true,
      openStdin: true,
      ...(cwd === undefined ? {} : { workingDir: cwd }),
      ...(user === undefined ? {} : { user }),
      ...(size === undefined ? {} : { rows: size.rows, columns: size.columns }),
    });
    this.#execId = execId;
    if (stream === undefined) throw new Error("The engine gave no stream.");
    const socket = await this.#connection.openStream(stream);
    this.progress("running", vscode.l10n.t("{0} is running", command.join(" ")));
    return { socket, tty: true, replayed: false };
  }

  protected override async resize({ rows, columns }: TerminalSize): Promise<void> {
    if (this.#execId === undefined) return;
    await this.#connection.request(execResize, { vm: this.#task.vm, execId: this.#execId, rows, columns });
  }

  protected override interrupt(): Promise<void> {
    return this.#signal("INT");
  }

  /** As when a terminal is closed, and for those that do not care for that, once more. */
  protected override async terminate(): Promise<void> {
    await this.#signal("HUP");
    await this.#signal("TERM");
  }

  async #signal(signal: string): Promise<void> {
    if (this.#execId === undefined) return;
    await this.#connection.request(execSignal, { vm: this.#task.vm, execId: this.#execId, signal });
  }
}
