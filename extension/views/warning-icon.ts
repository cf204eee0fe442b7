import * as vscode from "vscode";

/** Of a row whose thing does not work: a shape of its own, whatever the theme's colours. */
export function warningIcon(): vscode.ThemeIcon {
  return new vscode.ThemeIcon("warning", new vscode.ThemeColor("problemsWarningIcon.foreground"));
}
