import type * as vscode from "vscode";
import { imageInspect } from "../../engine/protocol/index.ts";
import type { Pulls } from "../commands/pulls.ts";
import type { Connection } from "../engine/connection.ts";
import type { Model } from "../engine/model.ts";
import { sortedImages, usersOf } from "../engine/store.ts";
import { matchesImage } from "./image-filter.ts";
import { ImageItem, imageTooltip, PullItem } from "./image-item.ts";
import { RowTree } from "./row-tree.ts";
import { Throttle, treeIntervalMs } from "./throttle.ts";
import type { ViewState } from "./view-state.ts";

type Item = ImageItem | PullItem;

/** The view "Images": pulls under way, then images. */
export class ImageTree implements vscode.TreeDataProvider<Item>, vscode.Disposable {
  readonly #model: Model;
  readonly #connection: Connection;
  readonly #pulls: Pulls;
  readonly #filter: ViewState<string>;
  readonly #rows = new RowTree<Item>(() => this.#items());
  readonly #throttle = new Throttle(treeIntervalMs, () => this.#rows.refresh());
  readonly #subscriptions: vscode.Disposable[];

  readonly onDidChangeTreeData = this.#rows.onDidChange;

  constructor(model: Model, connection: Connection, pulls: Pulls, filter: ViewState<string>) {
    this.#filter = filter;
    this.#model = model;
    this.#connection = connection;
    this.#pulls = pulls;
    // Both together keep the pace of the tree: the progress of a pull must not hold back what else changes.
    const refresh = () => this.#throttle.request();
    this.#subscriptions = [
      model.onDidChange(refresh),
      pulls.onDidChange(refresh),
      filter.onDidChange(() => this.#rows.refresh()),
    ];
  }

  getChildren(item?: Item): Item[] {
    if (item !== undefined) return [];
    if (this.#connection.state.kind === "idle") this.#connection.connect().catch(() => undefined);
    return this.#rows.items();
  }

  #items(): Item[] {
    const { snapshot } = this.#model;
    const used = new Set([...snapshot.vms.values()].map((vm) => vm.imageId));
    return [
      ...this.#pulls.active.map((pull) => new PullItem(pull)),
      ...sortedImages(snapshot)
        .filter((image) => matchesImage(image, this.#filter.value))
        .map((image) => new ImageItem(image, used.has(image.id))),
    ];
  }

  getTreeItem(item: Item): vscode.TreeItem {
    return this.#rows.current(item);
  }

  getParent(): undefined {
    return undefined;
  }

  async resolveTreeItem(item: Item, _element: Item, token: vscode.CancellationToken): Promise<Item> {
    if (item instanceof PullItem) return item;
    const { image } = item;
    const details = await this.#connection
      .request(imageInspect, { image: image.id }, token)
      .catch(() => undefined);
    item.tooltip = imageTooltip(image, details, usersOf(this.#model.snapshot, image.id));
    return item;
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#throttle.dispose();
    this.#rows.dispose();
  }
}
