import type * as vscode from "vscode";
import type { Connection } from "../engine/connection.ts";
import type { Model } from "../engine/model.ts";
import { networkUsers } from "../engine/store.ts";
import { NetworkItem, networkTooltip } from "./network-item.ts";
import { RowTree } from "./row-tree.ts";

/** The view "Networks". */
export class NetworkTree implements vscode.TreeDataProvider<NetworkItem>, vscode.Disposable {
  readonly #model: Model;
  readonly #connection: Connection;
  readonly #rows = new RowTree<NetworkItem>(() => this.#items());
  readonly #subscription: vscode.Disposable;

  readonly onDidChangeTreeData = this.#rows.onDidChange;

  constructor(model: Model, connection: Connection) {
    this.#model = model;
    this.#connection = connection;
    this.#subscription = model.onDidChange(() => this.#rows.refresh());
  }

  getChildren(item?: NetworkItem): NetworkItem[] {
    if (item !== undefined) return [];
    if (this.#connection.state.kind === "idle") this.#connection.connect().catch(() => undefined);
    return this.#rows.items();
  }

  #items(): NetworkItem[] {
    const { snapshot } = this.#model;
    return [...snapshot.networks.values()].map(
      (network) => new NetworkItem(network, networkUsers(snapshot, network.name)),
    );
  }

  getTreeItem(item: NetworkItem): vscode.TreeItem {
    return this.#rows.current(item);
  }

  resolveTreeItem(item: NetworkItem): NetworkItem {
    const network = this.#model.snapshot.networks.get(item.network.id) ?? item.network;
    item.tooltip = networkTooltip(network, networkUsers(this.#model.snapshot, network.name));
    return item;
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#rows.dispose();
  }
}
