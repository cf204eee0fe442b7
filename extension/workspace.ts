import { homedir } from "node:os";
import * as vscode from "vscode";
import type { Defaults, PlanContext } from "./run-configurations/run-plan.ts";
import { setting } from "./settings.ts";

/** The folder whose `.vscode/mocker.json` counts. */
export function workspaceFolder(): vscode.WorkspaceFolder | undefined {
  return vscode.workspace.workspaceFolders?.find((folder) => folder.uri.scheme === "file");
}

export function planContext(): PlanContext {
  return { workspaceFolder: workspaceFolder()?.uri.fsPath, userHome: homedir() };
}

export function runDefaults(): Defaults {
  return {
    cpus: setting("run.cpus"),
    memoryMiB: setting("run.memoryMiB"),
    runtime: setting("run.runtime"),
    network: setting("run.network"),
    autoRemove: setting("run.autoRemove"),
  };
}
