import * as vscode from "vscode";
import type { Model } from "../../engine/model.ts";

/** Says over a view of VMs that some of them are simulated: there is room for it however narrow it is. */
export class SimulationNote implements vscode.Disposable {
  readonly #subscription: vscode.Disposable;

  constructor(model: Model, view: vscode.TreeView<unknown>) {
    this.#subscription = model.onDidChange(() => {
      const isSimulated = [...model.snapshot.vms.values()].some(({ runtime }) => runtime === "simulation");
      // Without a message, an empty view has its welcome.
      const message = isSimulated ? vscode.l10n.t("Simulated VMs are not isolated.") : "";
      if ((view.message ?? "") !== message) view.message = message;
    });
  }

  dispose(): void {
    this.#subscription.dispose();
  }
}
