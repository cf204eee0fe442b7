import * as vscode from "vscode";
import { isPredefinedNetwork } from "../../engine/docker/network-options.ts";
import type { NetworkDetails } from "../../engine/protocol/index.ts";
import { formatTime, shortId } from "./format.ts";
import { rowsOf } from "./tooltip-rows.ts";
import { usersText } from "./volume-item.ts";
import { warningIcon } from "./warning-icon.ts";

const { l10n } = vscode;

/** One network in the tree. */
export class NetworkItem extends vscode.TreeItem {
  readonly network: NetworkDetails;

  /** `users`: names of the VMs that are made for it. */
  constructor(network: NetworkDetails, users: readonly string[]) {
    super(network.name, vscode.TreeItemCollapsibleState.None);
    this.network = network;
    this.id = network.id;
    const { problem } = network;
    const isDefault = isPredefinedNetwork(network.name);
    this.description = [
      problem ?? "",
      usersText(users),
      network.subnet,
      network.internal ? l10n.t("internal") : "",
    ]
      .filter((part) => part !== "")
      .join(" · ");
    this.iconPath =
      problem === undefined
        ? new vscode.ThemeIcon(
            "type-hierarchy-sub",
            users.length > 0 ? undefined : new vscode.ThemeColor("descriptionForeground"),
          )
        : warningIcon();
    this.contextValue = isDefault ? "network.default" : users.length > 0 ? "network.used" : "network.unused";
    this.accessibilityInformation = {
      label: l10n.t("Network {0} {1}", network.name, this.description),
      role: "treeitem",
    };
  }
}

export function networkTooltip(network: NetworkDetails, users: readonly string[]): vscode.MarkdownString {
  const text = new vscode.MarkdownString(undefined, true);
  const row = rowsOf(text);
  text.appendMarkdown("$(type-hierarchy-sub) **");
  text.appendText(network.name);
  text.appendMarkdown("**");
  if (network.problem !== undefined) {
    text.appendMarkdown("\n\n$(warning) ");
    text.appendText(network.problem);
  }
  text.appendMarkdown("\n\n| | |\n|:--|:--|\n");
  row(l10n.t("Subnet"), network.subnet);
  row(l10n.t("Gateway"), network.gateway);
  if (network.internal) row(l10n.t("Internal"), l10n.t("no way out, and no published ports"));
  row(l10n.t("Used by"), users.join(", ") || l10n.t("none"));
  for (const { name, address } of network.endpoints) row(name, address);
  row(l10n.t("Created"), formatTime(network.createdAt, vscode.env.language));
  row(l10n.t("ID"), shortId(network.id));
  return text;
}
