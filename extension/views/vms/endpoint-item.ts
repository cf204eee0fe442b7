import * as vscode from "vscode";
import type { VmEndpoint } from "../../../engine/protocol/index.ts";
import { warningIcon } from "../warning-icon.ts";

const { l10n } = vscode;

/** A network of a VM, below it. */
export class EndpointItem extends vscode.TreeItem {
  readonly network: string;

  /** `endpoint`: as far as the engine has said. */
  constructor(vmId: string, network: string, endpoint: VmEndpoint | undefined) {
    super(network, vscode.TreeItemCollapsibleState.None);
    this.network = network;
    this.id = `${vmId}/network/${network}`;
    const { address, problem } = endpoint ?? {};
    this.description = problem ?? address ?? modeText(network);
    this.iconPath = problem === undefined ? new vscode.ThemeIcon("type-hierarchy-sub") : warningIcon();
    this.contextValue = isMode(network) ? "endpoint.mode" : "endpoint.network";
    this.tooltip = endpointTooltip(network, endpoint);
    this.accessibilityInformation = {
      label: l10n.t("Network {0} {1}", network, this.description),
      role: "treeitem",
    };
  }
}

/** What stands in a network's place is no network. */
function isMode(network: string): boolean {
  return network === "none" || network === "tsi";
}

function modeText(network: string): string {
  if (network === "none") return l10n.t("not connected");
  return network === "tsi" ? l10n.t("the host's network") : "";
}

function endpointTooltip(network: string, endpoint: VmEndpoint | undefined): string {
  if (endpoint?.address === undefined) return network;
  const { address, prefixLength, gateway, mac, names = [], problem } = endpoint;
  return [
    ...(problem === undefined ? [] : [problem]),
    `${l10n.t("Address")}: ${address}/${prefixLength ?? ""}`,
    `${l10n.t("Gateway")}: ${gateway ?? ""}`,
    `MAC: ${mac ?? ""}`,
    ...(names.length > 0 ? [`${l10n.t("Names")}: ${names.join(", ")}`] : []),
  ].join("\n");
}
