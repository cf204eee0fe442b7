import * as vscode from "vscode";
import { type VmDetails, vmAttach, vmInspect, vmKill, vmResize, vmStart } from "../engine/protocol/index.ts";
import type { Connection } from "./connection.ts";
import { openStream } from "./engine-socket.ts";
import { asMockerError, describe } from "./errors.ts";
import type { Model } from "./model.ts";
import type { StreamEnd } from "./process-stream.ts";
import { type OpenedProcess, ProcessTerminal, type TerminalSize } from "./process-terminal.ts";
import { isRunning } from "./store.ts";

const replayBytes = 64 * 1024;
/** Starts a terminal afresh (RIS, ECMA-48): what follows is the replay of what it showed. */
const resetTerminal = "\x1bc";

/** The main process of a VM. Closing the terminal leaves it running; a VM that starts again is attached again. */
export class ConsoleTerminal extends ProcessTerminal {
  readonly vmId: string;
  readonly #connection: Connection;
  readonly #model: Model;
  readonly #onStartFailed: (error: unknown) => void;
  readonly #subscription: vscode.Disposable;
  #start: boolean;
  #attachedBefore = false;
  #over = false;
  /** Start of the run that is over, while the model may still show it as running. */
  #endedRun: string | undefined;

  /** `start`: the VM is created and not yet started; the first attachment does so, so that no byte is missed. */
  constructor(
    connection: Connection,
    model: Model,
    vmId: string,
    start: boolean,
    onStartFailed: (error: unknown) => void,
  ) {
    super();
    this.#connection = connection;
    this.#model = model;
    this.vmId = vmId;
    this.#start = start;
    this.#onStartFailed = onStartFailed;
    this.#subscription = model.onDidChange(() => {
      const vm = model.vm(vmId);
      if (vm === undefined || !isRunning(vm) || vm.startedAt === this.#endedRun) return;
      if (!this.connected && this.#attachedBefore) {
        this.reopen().catch(() => undefined);
      }
    });
  }

  override close(): void {
    this.#subscription.dispose();
    super.close();
  }

  /** Starts the VM in this terminal, which has shown an earlier run of it. */
  startAgain(): void {
    this.#start = true;
    this.reopen().catch(() => undefined);
  }

  protected override async connect(size: TerminalSize | undefined): Promise<OpenedProcess> {
    const vm = this.vmId;
    const start = this.#start;
    const { config }: VmDetails = await this.#connection.request(vmInspect, { vm });
    const { stream, tty } = await this.#connection.request(vmAttach, {
      vm,
      stdin: config.tty || config.openStdin,
      replayBytes: start ? 0 : replayBytes,
    });
    const socket = await openStream(stream);
    if (this.#attachedBefore && !start) this.print(resetTerminal);
    this.#attachedBefore = true;
    this.#start = false;
    this.#over = false;
    return {
      socket,
      tty,
      replayed: !start,
      ...(start
        ? {
            listening: () =>
              this.#connection.request(vmStart, {
                vm,
                ...(size === undefined ? {} : { rows: size.rows, columns: size.columns }),
              }),
          }
        : {}),
    };
  }

  protected override resize({ rows, columns }: TerminalSize): Promise<unknown> {
    return this.#connection.request(vmResize, { vm: this.vmId, rows, columns });
  }

  protected override interrupt(): Promise<unknown> {
    return this.#connection.request(vmKill, { vm: this.vmId, signal: "INT" });
  }

  protected override ended(end: StreamEnd): void {
    this.#over = end.kind === "exit";
    if (end.kind === "exit") this.#endedRun = this.#model.vm(this.vmId)?.startedAt;
    if (end.kind === "error") {
      this.note(describe(end.error));
    } else if (end.kind === "exit") {
      const name = this.#model.vm(this.vmId)?.name ?? vscode.l10n.t("The VM");
      this.note(
        end.reason === undefined
          ? vscode.l10n.t(
              "{0} exited with code {1}. Press any key to close this terminal",
              name,
              end.exitCode,
            )
          : vscode.l10n.t("{0} ended: {1}. Press any key to close this terminal", name, end.reason),
      );
    } else {
      // The model tells when the engine is back.
      this.note(vscode.l10n.t("The connection to the engine was lost; the VM is not affected"));
    }
  }

  protected override failed(error: unknown): void {
    this.#over = true;
    this.note(describe(asMockerError(error)));
    this.#onStartFailed(error);
  }

  protected override keyWithoutProcess(): void {
    // A connection that is lost comes back.
    if (this.#over) this.fireClose();
  }
}
