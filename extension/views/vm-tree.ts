import type * as vscode from "vscode";
import { vmInspect } from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import type { Model } from "../engine/model.ts";
import { sortedVms } from "../engine/store.ts";
import { RowTree } from "./row-tree.ts";
import { VmItem, vmTooltip } from "./vm-item.ts";

/** The view "Virtual Machines". */
export class VmTree implements vscode.TreeDataProvider<VmItem>, vscode.Disposable {
  readonly #model: Model;
  readonly #connection: Connection;
  readonly #rows = new RowTree<VmItem>(() => this.#items());
  readonly #subscription: vscode.Disposable;

  readonly onDidChangeTreeData = this.#rows.onDidChange;

  constructor(model: Model, connection: Connection) {
    this.#model = model;
    this.#connection = connection;
    this.#subscription = model.onDidChange(() => this.#rows.refresh());
  }

  /** Asked for as soon as the view is visible: that is when the engine is wanted. */
  getChildren(item?: VmItem): VmItem[] {
    if (item !== undefined) return [];
    // Failures show in the view's welcome.
    if (this.#connection.state.kind === "idle") this.#connection.connect().catch(() => undefined);
    return this.#rows.items();
  }

  #items(): VmItem[] {
    const { snapshot } = this.#model;
    return sortedVms(snapshot).map((vm) => new VmItem(vm, snapshot.images.get(vm.imageId)?.repoTags[0]));
  }

  getTreeItem(item: VmItem): vscode.TreeItem {
    return this.#rows.current(item);
  }

  getParent(): undefined {
    return undefined;
  }

  async resolveTreeItem(item: VmItem, _element: VmItem, token: vscode.CancellationToken): Promise<VmItem> {
    const details = await this.#connection
      .request(vmInspect, { vm: item.vm.id }, token)
      .catch(() => undefined);
    // resolveTreeItem's result is the given item, with the lazy members filled in.
    item.tooltip = vmTooltip(this.#model.vm(item.vm.id) ?? item.vm, details);
    return item;
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#rows.dispose();
  }
}
