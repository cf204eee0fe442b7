import * as vscode from "vscode";
import type { StreamEnd } from "../../engine/client/process-stream.ts";
import { startVm } from "../../engine/client/start-vm.ts";
import {
  type VmDetails,
  type VmSummary,
  vmAttach,
  vmInspect,
  vmKill,
  vmLogs,
  vmResize,
} from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import { asMockerError, describe } from "../engine/errors.ts";
import type { Model } from "../engine/model.ts";
import { isRunning } from "../engine/store.ts";
import { askSecrets } from "../run-configurations/secrets.ts";
import { type OpenedProcess, ProcessTerminal, type TerminalSize } from "./process-terminal.ts";

const replayBytes = 64 * 1024;
/** Lines of the log that the console of a VM shows that does not run. */
const logLines = 1000;
/** Starts a terminal afresh (RIS, ECMA-48): what follows is the replay of what it showed. */
const resetTerminal = "\x1bc";

/**
 * The main process of a VM. Closing the terminal leaves it running; a VM that starts again is attached again.
 * Of a VM that does not run it shows how the last run ended.
 */
export class ConsoleTerminal extends ProcessTerminal {
  readonly vmId: string;
  readonly #connection: Connection;
  readonly #model: Model;
  readonly #onStartFailed: (error: unknown) => void;
  readonly #subscription: vscode.Disposable;
  #start: boolean;
  #attachedBefore = false;
  #over = false;
  /** The VM that does not run, and whose log is shown. */
  #logOf: VmDetails | undefined;
  /** Start of the run that is over, while the model may still show it as running. */
  #endedRun: string | undefined;

  /**
   * `start`: the VM is created and not yet started; the first attachment does so, so that no byte is missed.
   */
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
    this.#subscription = model.onDidChange(() => this.#follow(model.vm(vmId)));
  }

  /** Attaches again once the engine or the VM is back; says so if the VM is not. */
  #follow(vm: VmSummary | undefined): void {
    if (this.connected || !this.#attachedBefore) return;
    if (vm !== undefined && isRunning(vm)) {
      if (vm.startedAt !== this.#endedRun) this.reopen().catch(() => undefined);
    } else if (this.returns && this.#model.loaded) {
      this.reopen().catch(() => undefined);
    }
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
    const start = this.#start;
    const details: VmDetails = await this.#connection.request(vmInspect, { vm: this.vmId });
    const opened = start || isRunning(details) ? await this.#attach(details, size) : await this.#log(details);
    if (this.#attachedBefore && !start) this.print(resetTerminal);
    this.#attachedBefore = true;
    this.#start = false;
    this.#over = false;
    return opened;
  }

  async #attach(details: VmDetails, size: TerminalSize | undefined): Promise<OpenedProcess> {
    const { config } = details;
    const vm = this.vmId;
    const start = this.#start;
    const { stream, tty } = await this.#connection.request(vmAttach, {
      vm,
      stdin: config.tty || config.openStdin,
      replayBytes: start ? 0 : replayBytes,
    });
    const socket = await this.#connection.openStream(stream);
    this.#logOf = undefined;
    return {
      socket,
      tty,
      replayed: !start,
      ...(start
        ? {
            listening: () =>
              startVm(
                this.#connection,
                { vm, ...(size === undefined ? {} : { rows: size.rows, columns: size.columns }) },
                (names) => askSecrets(details.name, names),
              ),
          }
        : {}),
    };
  }

  async #log(details: VmDetails): Promise<OpenedProcess> {
    const { stream, tty } = await this.#connection.request(vmLogs, { vm: this.vmId, tail: logLines });
    const socket = await this.#connection.openStream(stream);
    this.#logOf = details;
    this.#endedRun = details.startedAt;
    return { socket, tty, replayed: false, over: true };
  }

  protected override resize({ rows, columns }: TerminalSize): Promise<unknown> {
    return this.#connection.request(vmResize, { vm: this.vmId, rows, columns });
  }

  protected override interrupt(): Promise<unknown> {
    return this.#connection.request(vmKill, { vm: this.vmId, signal: "INT" });
  }

  protected override ended(end: StreamEnd): void {
    const vm = this.#model.vm(this.vmId);
    if (this.#logOf !== undefined) {
      this.#over = true;
      this.note(epilogue(this.#logOf));
      // It may have started while its log was read.
      this.#follow(vm);
      return;
    }
    this.#over = end.kind === "exit";
    if (end.kind === "exit") {
      this.#endedRun = vm?.startedAt;
      this.note(epilogue(vm, end));
    } else if (end.kind === "error") {
      this.note(describe(end.error));
    } else {
      // The model tells when the engine is back, or knows already that the VM has ended.
      this.note(vscode.l10n.t("The connection to the engine was lost; the VM is not affected"));
      if (vm === undefined || !isRunning(vm)) this.#follow(vm);
    }
  }

  protected override failed(error: unknown): void {
    const failure = asMockerError(error);
    // The engine went away once more: it comes back.
    if (failure.code === "ENGINE_UNREACHABLE" && this.#attachedBefore && !this.#start) return;
    this.#over = true;
    if (failure.code === "VM_NOT_FOUND") {
      this.note(epilogue(undefined));
      return;
    }
    this.note(describe(failure));
    this.#onStartFailed(error);
  }

  protected override get returns(): boolean {
    return this.#attachedBefore && !this.#over;
  }

  protected override keyWithoutProcess(text: string): void {
    if (this.#logOf?.state === "created" && text === "\r") this.startAgain();
    // Not any key: arrows and page keys are for those who read.
    else if (text === "\r" || text === "q") this.fireClose();
  }
}

/** How a run ended, and what a key does now. */
function epilogue(vm: VmSummary | undefined, end?: { exitCode: number; reason: string | undefined }): string {
  const { l10n } = vscode;
  const name = vm?.name ?? l10n.t("The VM");
  if (end === undefined && vm === undefined) {
    return l10n.t("The VM was removed. Press Enter or q to close this terminal");
  }
  if (end === undefined && vm?.state === "created") {
    return l10n.t("{0} has not run yet. Press Enter to start it, q to close this terminal", name);
  }
  const reason = end?.reason ?? vm?.reason;
  return reason === undefined
    ? l10n.t(
        "{0} exited with code {1}. Press Enter or q to close this terminal",
        name,
        end?.exitCode ?? vm?.exitCode ?? 0,
      )
    : l10n.t("{0} ended: {1}. Press Enter or q to close this terminal", name, reason);
}
