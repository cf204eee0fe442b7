import { delimiter, join } from "node:path";
import * as vscode from "vscode";

/**
 * Puts the `mocker` beside this bundle before all others on PATH of the editor's terminals, and names the
 * editor's Node for it. Shells whose profiles set PATH anew get it by shell integration.
 */
export function putCommandOnPath(collection: vscode.EnvironmentVariableCollection, bundleDir: string): void {
  collection.description = vscode.l10n.t("The command 'mocker', which comes with the extension");
  const options = { applyAtProcessCreation: true, applyAtShellIntegration: true };
  collection.prepend("PATH", `${join(bundleDir, "bin")}${delimiter}`, options);
  collection.replace("MOCKER_NODE", process.execPath, options);
}
