import * as vscode from "vscode";
import type { StreamEnd } from "../../engine/client/process-stream.ts";
import { execResize, execSignal, vmExec } from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import { asMockerError, describe } from "../engine/errors.ts";
import { type OpenedProcess, ProcessTerminal, type TerminalSize } from "./process-terminal.ts";

/** The best shell that the image has. */
const shell = [
  "/bin/sh",
  "-c",
  'exec "$(command -v bash || command -v zsh || command -v fish || command -v ash || echo /bin/sh)"',
];

/** A shell in a running VM, which ends with the terminal. */
export class ShellTerminal extends ProcessTerminal {
  readonly #connection: Connection;
  readonly #vmId: string;
  readonly #onFailed: (error: unknown) => void;
  #execId: string | undefined;
  #over = false;

  constructor(connection: Connection, vmId: string, onFailed: (error: unknown) => void) {
    super();
    this.#connection = connection;
    this.#vmId = vmId;
    this.#onFailed = onFailed;
  }

  override close(): void {
    // As closing a terminal does to the shell in it.
    if (this.#execId !== undefined && !this.#over) this.#signal("HUP").catch(() => undefined);
    super.close();
  }

  protected override async connect(size: TerminalSize | undefined): Promise<OpenedProcess> {
    const {
      execId,
      stream,
      missingSecrets = [],
    } = await this.#connection.request(vmExec, {
      vm: this.#vmId,
      command: shell,
      env: ["TERM=xterm-256color", "COLORTERM=truecolor"],
      tty: true,
      openStdin: true,
      ...(size === undefined ? {} : { rows: size.rows, columns: size.columns }),
    });
    this.#execId = execId;
    for (const name of missingSecrets) {
      this.note(vscode.l10n.t("This shell has no {0}: the engine that knew the secret has ended", name));
    }
    if (stream === undefined) throw new Error("The engine gave no stream.");
    return { socket: await this.#connection.openStream(stream), tty: true, replayed: false };
  }

  protected override resize({ rows, columns }: TerminalSize): Promise<unknown> {
    if (this.#execId === undefined) return Promise.resolve();
    return this.#connection.request(execResize, { vm: this.#vmId, execId: this.#execId, rows, columns });
  }

  protected override interrupt(): Promise<unknown> {
    return this.#signal("INT");
  }

  protected override ended(end: StreamEnd): void {
    this.#over = true;
    if (end.kind === "exit") this.fireClose();
    else
      this.note(
        end.kind === "error" ? describe(end.error) : vscode.l10n.t("The connection to the shell was lost"),
      );
  }

  protected override failed(error: unknown): void {
    this.#over = true;
    this.fireClose();
    this.#onFailed(asMockerError(error));
  }

  protected override keyWithoutProcess(): void {
    this.fireClose();
  }

  /** It ends with its connection: Mocker has no way back to it. */
  protected override get returns(): boolean {
    return false;
  }

  #signal(signal: string): Promise<unknown> {
    if (this.#execId === undefined) return Promise.resolve();
    return this.#connection.request(execSignal, { vm: this.#vmId, execId: this.#execId, signal });
  }
}
