import type * as vscode from "vscode";
import { systemUsage } from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import type { Model } from "../engine/model.ts";
import { volumeUsers } from "../engine/store.ts";
import { RowTree } from "./row-tree.ts";
import { VolumeItem, volumeTooltip } from "./volume-item.ts";

/** The view "Volumes". */
export class VolumeTree implements vscode.TreeDataProvider<VolumeItem>, vscode.Disposable {
  readonly #model: Model;
  readonly #connection: Connection;
  readonly #rows = new RowTree<VolumeItem>(() => this.#items());
  readonly #subscription: vscode.Disposable;

  readonly onDidChangeTreeData = this.#rows.onDidChange;

  constructor(model: Model, connection: Connection) {
    this.#model = model;
    this.#connection = connection;
    this.#subscription = model.onDidChange(() => this.#rows.refresh());
  }

  getChildren(item?: VolumeItem): VolumeItem[] {
    if (item !== undefined) return [];
    if (this.#connection.state.kind === "idle") this.#connection.connect().catch(() => undefined);
    return this.#rows.items();
  }

  #items(): VolumeItem[] {
    const { snapshot } = this.#model;
    return [...snapshot.volumes.values()].map(
      (volume) => new VolumeItem(volume, volumeUsers(snapshot, volume.name)),
    );
  }

  getTreeItem(item: VolumeItem): vscode.TreeItem {
    return this.#rows.current(item);
  }

  async resolveTreeItem(
    item: VolumeItem,
    _element: VolumeItem,
    token: vscode.CancellationToken,
  ): Promise<VolumeItem> {
    const { volume } = item;
    // Only when somebody looks: the engine counts the blocks of every file.
    const usage = await this.#connection.request0(systemUsage, token).catch(() => undefined);
    const bytes = usage?.volumes.find((one) => one.volume.name === volume.name)?.diskBytes;
    item.tooltip = volumeTooltip(volume, volumeUsers(this.#model.snapshot, volume.name), bytes);
    return item;
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#rows.dispose();
  }
}
