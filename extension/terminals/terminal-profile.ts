import * as vscode from "vscode";
import { showError } from "../engine/errors.ts";
import type { Model } from "../engine/model.ts";
import { isRunning, sortedVms } from "../engine/store.ts";
import { vmIcon } from "../views/vms/vm-item.ts";
import type { Terminals } from "./terminals.ts";

/** "Mocker VM…" among the terminal's profiles: a shell in a running VM, or its console. */
export class VmTerminalProfile implements vscode.TerminalProfileProvider {
  readonly #model: Model;
  readonly #terminals: Terminals;
  readonly #log: vscode.LogOutputChannel;

  constructor(model: Model, terminals: Terminals, log: vscode.LogOutputChannel) {
    this.#model = model;
    this.#terminals = terminals;
    this.#log = log;
  }

  async provideTerminalProfile(): Promise<vscode.TerminalProfile | undefined> {
    try {
      await this.#model.whenLoaded();
    } catch (error) {
      showError(error, this.#log);
      return undefined;
    }
    const running = sortedVms(this.#model.snapshot).filter(isRunning);
    if (running.length === 0) {
      const run = vscode.l10n.t("Run a VM…");
      const answer = await vscode.window.showInformationMessage(vscode.l10n.t("No VM is running."), run);
      if (answer === run) vscode.commands.executeCommand("mocker.run");
      return undefined;
    }
    const picked = await vscode.window.showQuickPick(
      running.flatMap((vm) => [
        {
          label: vscode.l10n.t("{0}: shell", vm.name),
          description: vm.image,
          iconPath: new vscode.ThemeIcon("terminal"),
          options: () => this.#terminals.profileOptions(vm, "shell"),
        },
        {
          label: vscode.l10n.t("{0}: console", vm.name),
          description: vm.image,
          iconPath: vmIcon(vm),
          options: () => this.#terminals.profileOptions(vm, "console"),
        },
      ]),
      { placeHolder: vscode.l10n.t("A terminal in which VM?") },
    );
    return picked === undefined ? undefined : new vscode.TerminalProfile(picked.options());
  }
}
