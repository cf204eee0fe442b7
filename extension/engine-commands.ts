import { join } from "node:path";
import * as vscode from "vscode";
import { diagnostics } from "./diagnostics.ts";
import { commandFolder, installCommand } from "./install-command.ts";
import type { CommandHandler, Services } from "./services.ts";

const { l10n } = vscode;

export function engineCommands(services: Services) {
  const { connection, documents, context, log } = services;
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
      const { path, onPath } = installCommand(
        join(__dirname, "cli.js"),
        process.execPath,
        commandFolder(),
        process.env,
      );
      vscode.window.showInformationMessage(
        onPath
          ? l10n.t("Installed {0}.", path)
          : l10n.t("Installed {0}. Add its folder to PATH, so that shells find it.", path),
      );
    },
  } satisfies Record<string, CommandHandler>;
}
