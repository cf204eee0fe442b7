import * as vscode from "vscode";

/** Argument of keybindings: the view that has the keyboard's focus, whose rows they are for. */
export interface KeyPress {
  /** ID of the view. */
  readonly view: string;
}

export function isKeyPress(value: unknown): value is KeyPress {
  return typeof value === "object" && value !== null && typeof (value as KeyPress).view === "string";
}

/**
 * The rows that a key is meant for, as in the Explorer: those selected, or the focused one if it is not
 * among them. Extensions are not told of the focus (microsoft/vscode#170248), which arrow keys move alone;
 * switching whether that row is selected, and back, tells.
 */
export async function focusedRows<T>(view: vscode.TreeView<T>): Promise<readonly T[]> {
  const selected = view.selection;
  await toggle();
  const toggled = view.selection;
  await toggle();
  const focused = toggled.filter((row) => !selected.includes(row));
  return focused.length > 0 ? focused : selected;
}

async function toggle(): Promise<void> {
  await vscode.commands.executeCommand("list.toggleSelection");
}
