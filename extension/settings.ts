import * as vscode from "vscode";
import type { NetworkMode, RuntimeName } from "../engine/protocol/index.ts";

/**
 * The settings of `contributes.configuration`, typed. `mocker.trace.server` is read by vscode-languageclient.
 */
export interface Settings {
  "engine.path": string;
  "run.cpus": number;
  "run.memoryMiB": number;
  "run.runtime": "auto" | RuntimeName;
  "run.network": NetworkMode;
  "run.autoRemove": boolean;
  "console.restore": boolean;
  confirmRemove: boolean;
  "statusBar.visible": boolean;
}

/** The value of `mocker.<name>` here and now; the manifest holds its default. */
export function setting<K extends keyof Settings>(name: K): Settings[K] {
  return vscode.workspace.getConfiguration("mocker").get(name) as Settings[K];
}

/** Calls back when one of the settings changes. */
export function onDidChangeSetting(name: keyof Settings, changed: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration(`mocker.${name}`)) changed();
  });
}
