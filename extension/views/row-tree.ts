import * as vscode from "vscode";
import { type RowShape, rowsToDraw } from "./row-changes.ts";

/** An item with its ID, and the items below it. */
interface Row<T> extends vscode.TreeItem {
  id?: string;
  readonly rows?: readonly T[];
}

/**
 * The rows of a tree. While a tree, or what is below one of its items, is drawn anew VS Code knows none of
 * the items, and calls the commands of their menus without one: so that only rows that have changed are
 * drawn, unless some came, went or moved.
 */
export class RowTree<T extends Row<T>> implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<T[] | undefined>();
  readonly #make: () => T[];
  /** As they are now. */
  #now: readonly T[] = [];
  #shapes: readonly RowShape[] = [];
  #byId = new Map<string, T>();
  /** Those that VS Code has: it knows them as objects. */
  readonly #shown = new Map<string, T>();

  readonly onDidChange = this.#changed.event;

  /** `make` gives all items, with IDs. */
  constructor(make: () => T[]) {
    this.#make = make;
  }

  /** The rows on top, or those below one. */
  items(parent?: T): T[] {
    if (parent === undefined) {
      this.#shown.clear();
      this.#set(this.#make());
    }
    const items = parent === undefined ? this.#now : (this.current(parent).rows ?? []);
    for (const item of items) this.#shown.set(item.id ?? "", item);
    return [...items];
  }

  /** How an item that was shown looks now. */
  current(item: T): T {
    return this.#byId.get(item.id ?? "") ?? item;
  }

  refresh(): void {
    const before = this.#shapes;
    this.#set(this.#make());
    const ids = rowsToDraw(before, this.#shapes);
    this.#changed.fire(ids?.flatMap((id) => this.#shown.get(id) ?? []));
  }

  dispose(): void {
    this.#changed.dispose();
  }

  #set(items: readonly T[]): void {
    this.#now = items;
    this.#shapes = items.map(shapeOf);
    this.#byId = new Map(withRows(items).map((item) => [item.id ?? "", item]));
  }
}

/** The items and all that is below them. */
function withRows<T extends Row<T>>(items: readonly T[]): T[] {
  return items.flatMap((item) => [item, ...withRows(item.rows ?? [])]);
}

function shapeOf<T extends Row<T>>(item: T): RowShape {
  const { id = "", label, description, contextValue, iconPath, collapsibleState, rows = [] } = item;
  const spoken = item.accessibilityInformation?.label;
  return {
    id,
    looks: JSON.stringify([label, description, contextValue, iconPath, collapsibleState, spoken]),
    rows: rows.map(shapeOf),
  };
}
