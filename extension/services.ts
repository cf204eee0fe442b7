import type * as vscode from "vscode";
import type { Connection } from "./connection.ts";
import type { Documents } from "./documents.ts";
import type { ImageItem, PullItem } from "./image-item.ts";
import type { Model } from "./model.ts";
import type { Pulls } from "./pulls.ts";
import type { RunConfigurationItem } from "./run-configuration-tree.ts";
import type { WizardServices } from "./run-wizard.ts";
import type { Terminals } from "./terminals.ts";
import type { VmItem } from "./vm-item.ts";

/** What commands work with. */
export interface Services extends WizardServices {
  connection: Connection;
  model: Model;
  pulls: Pulls;
  terminals: Terminals;
  documents: Documents;
  vmView: vscode.TreeView<VmItem>;
  imageView: vscode.TreeView<ImageItem | PullItem>;
  configurationView: vscode.TreeView<RunConfigurationItem>;
  context: vscode.ExtensionContext;
}

/** Menus pass the item that was clicked and all selected ones. */
export type CommandHandler = (item?: unknown, items?: unknown) => unknown;
