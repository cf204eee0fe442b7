import * as vscode from "vscode";

/**
 * The rows of a tree without levels. While a whole tree is drawn anew VS Code knows none of its items, and
 * calls the commands of their menus without one: so that only rows that have changed are drawn, unless some
 * came, went or moved.
 */
export class FlatTree<T extends vscode.TreeItem> implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<T[] | undefined>();
  readonly #make: () => T[];
  /** As VS Code has them, in their order. */
  #shown: readonly T[] = [];
  /** What they look like now, by ID. */
  #now = new Map<string | undefined, T>();

  readonly onDidChange = this.#changed.event;

  /** `make` gives all items, with IDs. */
  constructor(make: () => T[]) {
    this.#make = make;
  }

  items(): T[] {
    const items = this.#make();
    this.#shown = items;
    this.#now = new Map(items.map((item) => [item.id, item]));
    return items;
  }

  /** How an item that was shown looks now. */
  current(item: T): T {
    return this.#now.get(item.id) ?? item;
  }

  refresh(): void {
    const items = this.#make();
    const shown = this.#shown;
    if (items.length !== shown.length || items.some(({ id }, index) => id !== shown[index]?.id)) {
      this.#changed.fire(undefined);
      return;
    }
    const before = this.#now;
    this.#now = new Map(items.map((item) => [item.id, item]));
    this.#changed.fire(shown.filter(({ id }) => looks(before.get(id)) !== looks(this.#now.get(id))));
  }

  dispose(): void {
    this.#changed.dispose();
  }
}

/** Ages do not count: they are those of the moment. */
function looks(item: vscode.TreeItem | undefined): string {
  return JSON.stringify([item?.label, item?.description, item?.contextValue, item?.iconPath]);
}
