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

/** The settings of that folder, for VMs that run from it. */
export function runDefaults(): Defaults {
  const resource = workspaceFolder()?.uri;
  return {
    cpus: setting("run.cpus", resource),
    memoryMiB: setting("run.memory", resource) || setting("run.memoryMiB", resource),
    runtime: setting("run.runtime", resource),
    network: setting("run.network", resource),
    autoRemove: setting("run.autoRemove", resource),
  };
}
