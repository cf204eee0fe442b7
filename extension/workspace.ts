import { homedir } from "node:os";
import * as vscode from "vscode";
import type { Defaults, PlanContext } from "./run-configurations/run-plan.ts";
import { setting } from "./settings.ts";

/** The folders of this machine, each of which may have run configurations. */
export function localFolders(): readonly vscode.WorkspaceFolder[] {
  return (vscode.workspace.workspaceFolders ?? []).filter((folder) => folder.uri.scheme === "file");
}

/** The folder that the user works in: that of the open file, else the first one. */
export function currentFolder(): vscode.WorkspaceFolder | undefined {
  const file = vscode.window.activeTextEditor?.document.uri;
  const open = file === undefined ? undefined : vscode.workspace.getWorkspaceFolder(file);
  return open?.uri.scheme === "file" ? open : localFolders()[0];
}

/** What paths are relative to that a configuration of `folder` names. */
export function planContext(folder: vscode.WorkspaceFolder | undefined): PlanContext {
  return { workspaceFolder: folder?.uri.fsPath, userHome: homedir() };
}

/** The settings of `folder`, for VMs that run from it. */
export function runDefaults(folder: vscode.WorkspaceFolder | undefined): Defaults {
  const resource = folder?.uri;
  return {
    cpus: setting("run.processors", resource) || setting("run.cpus", resource),
    memoryMiB: setting("run.memory", resource) || setting("run.memoryMiB", resource),
    runtime: setting("run.runtime", resource),
    network: setting("run.network", resource),
    autoRemove: setting("run.autoRemove", resource),
  };
}
