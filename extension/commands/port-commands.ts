import * as vscode from "vscode";
import type { CommandHandler, Services } from "../services.ts";
import { choosePorts } from "../views/selection.ts";
import { type PortRow, portAddress, portUrl } from "../views/vms/port-row.ts";

const { l10n } = vscode;

export function portCommands(services: Services) {
  return {
    async openPort(item, items) {
      const fits = (port: PortRow) => portUrl(port) !== undefined;
      for (const port of await choosePorts(services, item, items, l10n.t("Open which port?"), fits)) {
        await openInBrowser(port);
      }
    },

    async copyPortAddress(item, items) {
      const fits = (port: PortRow) => port.host !== undefined;
      const ports = await choosePorts(services, item, items, l10n.t("Copy the address of which port?"), fits);
      const addresses = ports.flatMap((port) => portAddress(port) ?? []);
      if (addresses.length > 0) await vscode.env.clipboard.writeText(addresses.join("\n"));
    },
  } satisfies Record<string, CommandHandler>;
}

/** Where the editor runs elsewhere, it makes the port reachable from the browser first. */
export async function openInBrowser(port: PortRow): Promise<void> {
  const url = portUrl(port);
  if (url === undefined) return;
  await vscode.env.openExternal(await vscode.env.asExternalUri(vscode.Uri.parse(url)));
}
