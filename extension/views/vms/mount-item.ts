import * as vscode from "vscode";
import type { Mount } from "../../../engine/protocol/index.ts";
import { formatBytes } from "../format.ts";
import { volumeLabel } from "../volume-item.ts";

const { l10n } = vscode;

/** A mount of a VM, below it. */
export class MountItem extends vscode.TreeItem {
  readonly mount: Mount;

  constructor(vmId: string, mount: Mount) {
    super(mount.target, vscode.TreeItemCollapsibleState.None);
    this.mount = mount;
    this.id = `${vmId}/mount/${mount.target}`;
    const source = mountText(mount);
    this.description = mount.readOnly ? `${source} · ${l10n.t("read-only")}` : source;
    this.iconPath = new vscode.ThemeIcon(mountIcon(mount));
    this.contextValue = contextOf(mount);
    this.tooltip = `${mount.type === "bind" ? mount.source : source} → ${mount.target}`;
    this.accessibilityInformation = {
      label: l10n.t("Mount {0}, {1}", mount.target, this.description),
      role: "treeitem",
    };
  }
}

/** Words for `when` clauses. */
function contextOf(mount: Mount): string {
  if (mount.type !== "bind") return `mount.${mount.type}`;
  return isInWorkspace(mount.source) ? "mount.inside" : "mount.outside";
}

function isInWorkspace(path: string): boolean {
  return vscode.workspace.getWorkspaceFolder(vscode.Uri.file(path)) !== undefined;
}

function mountIcon(mount: Mount): string {
  switch (mount.type) {
    case "bind":
      return "folder";
    case "volume":
      return "database";
    case "tmpfs":
      return "chip";
  }
}

/** What is mounted, short. */
function mountText(mount: Mount): string {
  switch (mount.type) {
    case "bind":
      return folderText(mount.source);
    case "volume":
      return volumeLabel({ name: mount.name ?? "", anonymous: mount.anonymous ?? false });
    case "tmpfs":
      return mount.sizeBytes === undefined ? "tmpfs" : `tmpfs ${formatBytes(mount.sizeBytes)}`;
  }
}

/** From the workspace, where it lies there. */
function folderText(path: string): string {
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(path));
  if (folder?.uri.fsPath === path) return folder.name;
  return vscode.workspace.asRelativePath(path, true);
}
