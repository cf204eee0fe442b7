import * as vscode from "vscode";

/**
 * Adds rows of two columns to a table in a tooltip. What an image or a VM says of itself stays text, in its
 * cell.
 */
export function rowsOf(text: vscode.MarkdownString): (name: string, value: string) => void {
  return (name, value) => {
    // Without the space before it a value touches the longest name.
    text.appendMarkdown(`| ${name}&nbsp; | `);
    text.appendText(value.replaceAll("\n", " ").replaceAll("|", "¦"));
    text.appendMarkdown(" |\n");
  };
}

export function variablesText(count: number): string {
  return count === 1 ? vscode.l10n.t("1 variable") : vscode.l10n.t("{0} variables", count);
}
