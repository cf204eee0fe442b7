import * as vscode from "vscode";
import type { NetworkMode, RuntimeName } from "../engine/protocol/index.ts";

/**
 * The settings of `contributes.configuration`, typed. `mocker.trace.server` is read by vscode-languageclient.
 */
export interface Settings {
  "engine.path": string;
  "run.processors": number;
  /** What `run.processors` was called in 0.1.0. */
  "run.cpus": number;
  /** MiB. */
  "run.memory": number;
  /** What `run.memory` was called in 0.1.0. */
  "run.memoryMiB": number;
  "run.runtime": "auto" | RuntimeName;
  "run.network": NetworkMode;
  "run.autoRemove": boolean;
  "console.restore": boolean;
  confirmRemove: boolean;
  "statusBar.visible": boolean;
}

/**
 * The value of `mocker.<name>` now, in the workspace or in the folder of it that `resource` is in; the
 * manifest holds its default.
 */
export function setting<K extends keyof Settings>(name: K, resource?: vscode.Uri): Settings[K] {
  return vscode.workspace.getConfiguration("mocker", resource).get(name) as Settings[K];
}

/** Calls back when one of the settings changes. */
export function onDidChangeSetting(name: keyof Settings, changed: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration(`mocker.${name}`)) changed();
  });
}
