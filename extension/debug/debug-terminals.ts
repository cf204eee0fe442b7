import * as vscode from "vscode";
import type { StreamEnd } from "../../engine/client/process-stream.ts";
import type { Connection } from "../engine/connection.ts";
import { ExecTerminal } from "../tasks/exec-terminal.ts";
import type { ExecTask } from "../tasks/task-definition.ts";
import type { OpenedProcess, TerminalSize } from "../terminals/process-terminal.ts";
import type { TerminalRequest } from "./dap-bridge.ts";
import type { DebugProcess, VmName } from "./debug-process.ts";

/**
 * The terminals of programs that are debugged. Each stays after its program, to be read, until the next run.
 */
export class DebugTerminals {
  readonly #connection: Connection;
  readonly #over = new Map<string, vscode.Terminal>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Runs words in a VM for the session of this name. Rejects with MockerError if they do not start. */
  async run(session: string, vm: VmName, request: TerminalRequest): Promise<DebugProcess> {
    const { title, command, cwd, env } = request;
    const pty = new ProgramTerminal(this.#connection, {
      vm: vm.id,
      command,
      env,
      ...(cwd === "" ? {} : { cwd }),
    });
    this.#over.get(session)?.dispose();
    this.#over.delete(session);
    const name = `${vm.name}: ${title === "" ? session : title}`;
    const terminal = vscode.window.createTerminal({ name, pty, iconPath: new vscode.ThemeIcon("debug") });
    terminal.show(true);
    pty.finished.then(() => {
      this.#over.get(session)?.dispose();
      this.#over.set(session, terminal);
    });
    await pty.started;
    return {
      ended: pty.finished,
      write: (bytes) => pty.handleInput(Buffer.from(bytes).toString()),
      // It ends with its VM, or what else ends it.
      close: () => undefined,
    };
  }

  dispose(): void {
    for (const terminal of this.#over.values()) terminal.dispose();
  }
}

/** A program's terminal that the editor does not close when the program has ended. */
class ProgramTerminal extends ExecTerminal {
  readonly started: Promise<void>;
  /** Never rejects. */
  readonly finished: Promise<StreamEnd>;
  #start: () => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;
  #end: (end: StreamEnd) => void = () => undefined;

  constructor(connection: Connection, task: Omit<ExecTask, "kind">) {
    // What fails is the session's to tell.
    super(connection, task, (error) => this.#fail(error));
    this.started = new Promise((resolve, reject) => {
      this.#start = resolve;
      this.#fail = reject;
    });
    this.finished = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  protected override async connect(size: TerminalSize | undefined): Promise<OpenedProcess> {
    const opened = await super.connect(size);
    this.#start();
    return opened;
  }

  override close(): void {
    super.close();
    this.#end({ kind: "closed" });
  }

  protected override fireClose(exitCode = 0): void {
    this.note(vscode.l10n.t("The program has ended with code {0}", exitCode));
    this.#end({ kind: "exit", exitCode, reason: undefined });
  }
}
