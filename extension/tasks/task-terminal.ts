import * as vscode from "vscode";
import type { StreamEnd } from "../../engine/client/process-stream.ts";
import { asMockerError, describe } from "../engine/errors.ts";
import { ProcessTerminal } from "../terminals/process-terminal.ts";
import { statusOf } from "./task-definition.ts";

/**
 * The terminal of a task: it ends with the process, whose exit code is the task's; and the other way round.
 */
export abstract class TaskTerminal extends ProcessTerminal {
  readonly #onFailed: (error: unknown) => void;
  #over = false;

  constructor(onFailed: (error: unknown) => void) {
    super();
    this.#onFailed = onFailed;
  }

  /**
   * A line that says how far the task is. The background matcher `$mocker` of package.json knows them by
   * their signs, whatever the language of their words.
   */
  protected progress(sign: "starting" | "running", text: string): void {
    this.note(`${sign === "starting" ? "▷" : "▶"} ${text}`);
  }

  /** The task was terminated: ends its process. */
  protected abstract terminate(): Promise<unknown>;

  override close(): void {
    if (!this.#over) {
      this.#over = true;
      this.terminate().catch(() => undefined);
    }
    super.close();
  }

  protected override ended(end: StreamEnd): void {
    this.#over = true;
    if (end.kind === "exit") {
      if (end.reason !== undefined) this.note(end.reason);
      this.fireClose(end.exitCode);
      return;
    }
    this.note(
      end.kind === "error" ? describe(end.error) : vscode.l10n.t("The connection to the engine was lost"),
    );
    this.fireClose(1);
  }

  protected override failed(error: unknown): void {
    this.#over = true;
    const failure = asMockerError(error);
    this.note(describe(failure));
    this.fireClose(statusOf(failure));
    this.#onFailed(error);
  }

  protected override keyWithoutProcess(): void {
    // The task has ended: its terminal is the editor's now.
  }

  /** A task is over with its stream. */
  protected override get returns(): boolean {
    return false;
  }
}
