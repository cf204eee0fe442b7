import * as vscode from "vscode";
import type { StreamEnd } from "../../engine/client/process-stream.ts";
import { startVm } from "../../engine/client/start-vm.ts";
import { vmAttach, vmKill, vmRemove, vmResize } from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import { askSecrets } from "../run-configurations/secrets.ts";
import type { OpenedProcess, TerminalSize } from "../terminals/process-terminal.ts";
import { TaskTerminal } from "./task-terminal.ts";

/** A VM that a task makes, in the task's terminal. */
export class RunTerminal extends TaskTerminal {
  readonly #connection: Connection;
  readonly #create: () => Promise<{ id: string; name: string }>;
  #vmId: string | undefined;
  #terminated = false;
  /** Output before the line that says that the VM runs. */
  #early: string | undefined;

  /** `create` makes the VM, which is not started yet. */
  constructor(
    connection: Connection,
    create: () => Promise<{ id: string; name: string }>,
    onFailed: (error: unknown) => void,
  ) {
    super(onFailed);
    this.#connection = connection;
    this.#create = create;
  }

  protected override async connect(size: TerminalSize | undefined): Promise<OpenedProcess> {
    this.progress("starting", vscode.l10n.t("Starting a VM"));
    const { id: vm, name } = await this.#create();
    this.#vmId = vm;
    // The task may have been terminated while the image was pulled.
    if (this.#terminated) await this.terminate();
    const { stream, tty } = await this.#connection.request(vmAttach, {
      vm,
      stdin: true,
    });
    const socket = await this.#connection.openStream(stream);
    const room = size === undefined ? {} : { rows: size.rows, columns: size.columns };
    const listening = async () => {
      this.#early = "";
      try {
        await startVm(this.#connection, { vm, ...room }, (names) => askSecrets(name, names));
      } catch (error) {
        this.#release();
        throw error;
      }
      this.#release(() => this.progress("running", vscode.l10n.t("{0} is running", name)));
    };
    return { socket, tty, replayed: false, listening };
  }

  protected override print(text: string): void {
    if (this.#early === undefined) super.print(text);
    else this.#early += text;
  }

  protected override ended(end: StreamEnd): void {
    this.#release();
    super.ended(end);
  }

  #release(before?: () => void): void {
    const early = this.#early;
    if (early === undefined) return;
    this.#early = undefined;
    before?.();
    this.print(early);
  }

  protected override async resize({ rows, columns }: TerminalSize): Promise<void> {
    if (this.#vmId !== undefined) await this.#connection.request(vmResize, { vm: this.#vmId, rows, columns });
  }

  protected override async interrupt(): Promise<void> {
    if (this.#vmId !== undefined) await this.#connection.request(vmKill, { vm: this.#vmId, signal: "INT" });
  }

  /** One that has not started has nothing that could be of use. */
  protected override async terminate(): Promise<void> {
    this.#terminated = true;
    const vm = this.#vmId;
    if (vm === undefined) return;
    try {
      await this.#connection.request(vmKill, { vm });
    } catch {
      await this.#connection.request(vmRemove, { vm, force: true });
    }
  }
}
