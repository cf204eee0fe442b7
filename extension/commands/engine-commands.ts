import { homedir } from "node:os";
import { dirname } from "node:path";
import * as vscode from "vscode";
import { diagnostics } from "../engine/diagnostics.ts";
import type { CommandHandler, Services } from "../services.ts";
import { type CommandTarget, commandFolder, installCommand, uninstallCommand } from "./install-command.ts";

const { l10n } = vscode;

export function engineCommands(services: Services) {
  const { connection, documents, context, contextKeys, log } = services;
  const version = String(context.extension.packageJSON.version);
  return {
    async restartEngine() {
      await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Window, title: l10n.t("Restarting the Mocker engine") },
        () => connection.restartEngine(),
      );
    },

    showLog: () => log.show(true),

    async copyDiagnostics() {
      await vscode.env.clipboard.writeText(await diagnostics(connection, version));
      vscode.window.showInformationMessage(l10n.t("Mocker's diagnostics are in the clipboard."));
    },

    doctor: () => documents.showDoctor(),

    async installCommand() {
      const { path, onPath } = installCommand(commandTarget(context), commandFolder(), process.env);
      contextKeys.update();
      const shown = fromHome(path);
      if (onPath) {
        vscode.window.showInformationMessage(l10n.t("Installed {0}.", shown));
        return;
      }
      const copy = l10n.t("Copy PATH Setting");
      const message = l10n.t("Installed {0}. Shells do not find it: its folder is not on PATH.", shown);
      // The command is over, whenever the message is read.
      vscode.window.showInformationMessage(message, copy).then((answer) => {
        if (answer === copy) vscode.env.clipboard.writeText(`export PATH="${dirname(path)}:$PATH"`);
      });
    },

    getStarted: () =>
      vscode.commands.executeCommand("workbench.action.openWalkthrough", `${context.extension.id}#start`),

    uninstallCommand() {
      const path = uninstallCommand(commandFolder());
      contextKeys.update();
      vscode.window.showInformationMessage(
        path === undefined
          ? l10n.t("The 'mocker' command is not installed. Terminals of the editor have it anyway.")
          : l10n.t("Removed {0}. Terminals of the editor still have it.", fromHome(path)),
      );
    },
  } satisfies Record<string, CommandHandler>;
}

/** This version of the extension, on this editor's Node. */
export function commandTarget({ extension }: vscode.ExtensionContext): CommandTarget {
  return {
    extensionPath: extension.extensionPath,
    extensionId: extension.id,
    nodePath: process.execPath,
  };
}

function fromHome(path: string): string {
  return path.replace(`${homedir()}/`, "~/");
}
