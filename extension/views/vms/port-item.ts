import * as vscode from "vscode";
import { isAllAddresses } from "../../run-configurations/published-port.ts";
import { openAddresses, type PortRow, portLabel } from "./port-row.ts";

const { l10n } = vscode;

/** A port of a VM, below it. */
export class PortItem extends vscode.TreeItem {
  readonly port: PortRow;

  constructor(vmId: string, port: PortRow) {
    super(portLabel(port), vscode.TreeItemCollapsibleState.None);
    this.port = port;
    this.id = `${vmId}/port/${port.protocol}/${port.guestPort}/${port.host?.port ?? ""}`;
    this.description = portReach(port);
    this.iconPath = new vscode.ThemeIcon(portIcon(port));
    this.contextValue = port.host === undefined ? "port.exposed" : `port.${port.protocol}`;
    this.tooltip =
      port.host === undefined
        ? l10n.t(
            "Port {0} of the VM is not published: nothing on this machine reaches it.",
            this.label?.toString() ?? "",
          )
        : l10n.t("Port {0} of the VM is published on {1}", port.guestPort, port.host.addresses.join(", "));
    this.accessibilityInformation = {
      label:
        port.host === undefined
          ? l10n.t("Port {0} {1}, {2}", port.guestPort, port.protocol, this.description)
          : l10n.t(
              "Port {0} of this machine leads to port {1} {2}, {3}",
              port.host.port,
              port.guestPort,
              port.protocol,
              this.description,
            ),
      role: "treeitem",
    };
  }
}

function portIcon(port: PortRow): string {
  if (port.host === undefined) return "circle-outline";
  return openAddresses(port).length > 0 ? "broadcast" : "plug";
}

/** Who reaches it. */
export function portReach(port: PortRow): string {
  if (port.host === undefined) return l10n.t("not published");
  const open = openAddresses(port);
  if (open.length === 0) return l10n.t("this machine only");
  return open.some(isAllAddresses)
    ? l10n.t("open to others")
    : l10n.t("open to others on {0}", open.join(", "));
}
