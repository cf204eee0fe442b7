import * as vscode from "vscode";
import type { Connection } from "../engine/connection.ts";
import type { Model } from "../engine/model.ts";
import { runningCount } from "../engine/store.ts";
import { onDidChangeSetting, setting } from "../settings.ts";

/** "n running" in the status bar and as the view's badge. */
export class RunningCount implements vscode.Disposable {
  readonly #connection: Connection;
  readonly #model: Model;
  readonly #view: vscode.TreeView<unknown>;
  readonly #item: vscode.StatusBarItem;
  readonly #subscriptions: vscode.Disposable[];

  constructor(connection: Connection, model: Model, view: vscode.TreeView<unknown>) {
    this.#connection = connection;
    this.#model = model;
    this.#view = view;
    this.#item = vscode.window.createStatusBarItem("mocker.running", vscode.StatusBarAlignment.Left, 0);
    this.#item.name = vscode.l10n.t("Mocker VMs");
    this.#item.command = "mocker.showVms";
    const update = () => this.#update();
    this.#subscriptions = [
      this.#item,
      model.onDidChange(update),
      connection.onDidChangeState(update),
      onDidChangeSetting("statusBar.visible", update),
    ];
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #update(): void {
    const running = runningCount(this.#model.snapshot);
    const text = vscode.l10n.t("{0} running", running);
    const tooltip =
      running === 1 ? vscode.l10n.t("1 VM is running") : vscode.l10n.t("{0} VMs are running", running);
    this.#view.badge = running === 0 ? undefined : { value: running, tooltip };
    const { state } = this.#connection;
    // One who does not use VMs now need not hear of them.
    if (!setting("statusBar.visible") || running === 0) {
      this.#item.hide();
      return;
    }
    const simulated = state.kind === "connected" && state.info.runtime === "simulation";
    const note = simulated ? ` (${vscode.l10n.t("simulated")})` : "";
    this.#item.text = `$(vm) ${text}${note}`;
    this.#item.tooltip = `${tooltip}${note}`;
    this.#item.accessibilityInformation = { label: `${tooltip}${note}` };
    this.#item.show();
  }
}
