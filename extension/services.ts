import type * as vscode from "vscode";
import type { Pulls } from "./commands/pulls.ts";
import type { Connection } from "./engine/connection.ts";
import type { Model } from "./engine/model.ts";
import type { Stops } from "./engine/stops.ts";
import type { Terminals } from "./terminals/terminals.ts";
import type { ContextKeys } from "./views/context-keys.ts";
import type { Documents } from "./views/documents.ts";
import type { ImageItem, PullItem } from "./views/image-item.ts";
import type { ViewState } from "./views/view-state.ts";
import type { VmArrangement } from "./views/vms/vm-arrangement.ts";
import type { WizardServices } from "./wizard/wizard-services.ts";

/** What commands work with. */
export interface Services extends WizardServices {
  connection: Connection;
  model: Model;
  stops: Stops;
  pulls: Pulls;
  terminals: Terminals;
  documents: Documents;
  imageView: vscode.TreeView<ImageItem | PullItem>;
  contextKeys: ContextKeys;
  vmArrangement: ViewState<VmArrangement>;
  imageFilter: ViewState<string>;
  context: vscode.ExtensionContext;
}

/** Menus pass the item that was clicked and all selected ones. */
export type CommandHandler = (item?: unknown, items?: unknown) => unknown;
