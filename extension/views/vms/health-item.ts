import * as vscode from "vscode";
import type { Health } from "../../../engine/protocol/index.ts";
import { warningIcon } from "../warning-icon.ts";
import { healthWord } from "./vm-state.ts";

const { l10n } = vscode;

/** What the health check of a VM found, below it. */
export class HealthItem extends vscode.TreeItem {
  constructor(vmId: string, status: Health["status"]) {
    super(healthWord(status), vscode.TreeItemCollapsibleState.None);
    this.id = `${vmId}/health`;
    this.description = l10n.t("health check");
    this.iconPath = status === "unhealthy" ? warningIcon() : new vscode.ThemeIcon("heart");
    this.contextValue = "health";
    this.accessibilityInformation = {
      label: l10n.t("Health check: {0}", healthWord(status)),
      role: "treeitem",
    };
  }
}
