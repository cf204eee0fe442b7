import * as vscode from "vscode";
import type { CommandHandler } from "../services.ts";
import { MountItem } from "../views/vms/mount-item.ts";

export function mountCommands() {
  return {
    async revealMount(item) {
      const uri = uriOf(item);
      if (uri !== undefined) await vscode.commands.executeCommand("revealInExplorer", uri);
    },

    /** In a window of its own; a file in this one. */
    async openMount(item) {
      const uri = uriOf(item);
      if (uri === undefined) return;
      const { type } = await vscode.workspace.fs.stat(uri);
      if ((type & vscode.FileType.Directory) === 0) await vscode.commands.executeCommand("vscode.open", uri);
      else await vscode.commands.executeCommand("vscode.openFolder", uri, { forceNewWindow: true });
    },
  } satisfies Record<string, CommandHandler>;
}

function uriOf(item: unknown): vscode.Uri | undefined {
  if (!(item instanceof MountItem) || item.mount.type !== "bind") return undefined;
  return vscode.Uri.file(item.mount.source);
}
