import type * as vscode from "vscode";

/**
 * Adds rows of two columns to a table in a tooltip. What an image or a VM says of itself stays text, in its
 * cell.
 */
export function rowsOf(text: vscode.MarkdownString): (name: string, value: string) => void {
  return (name, value) => {
    text.appendMarkdown(`| ${name} | `);
    text.appendText(value.replaceAll("\n", " ").replaceAll("|", "¦"));
    text.appendMarkdown(" |\n");
  };
}
