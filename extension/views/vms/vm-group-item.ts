import * as vscode from "vscode";
import { isRunning } from "../../engine/store.ts";
import { nameAndRegistry } from "../short-reference.ts";
import type { VmArrangement } from "./vm-arrangement.ts";
import type { VmItem } from "./vm-item.ts";

const { l10n } = vscode;

const icons = { none: "vm", project: "layers", repository: "package", label: "tag" };

/** VMs that belong together. */
export class VmGroupItem extends vscode.TreeItem {
  readonly rows: readonly VmItem[];

  /** `name`: "" for those that are in no group. */
  constructor(name: string, { groupBy }: VmArrangement, rows: readonly VmItem[]) {
    // What tells a repository apart comes first, its registry last.
    const { name: own, registry } = groupBy === "repository" ? nameAndRegistry(name) : { name, registry: "" };
    super(own === "" ? l10n.t("Others") : own, vscode.TreeItemCollapsibleState.Expanded);
    this.rows = rows;
    this.id = `group/${groupBy}/${name}`;
    const running = rows.filter(({ vm }) => isRunning(vm)).length;
    const count = l10n.t("{0} of {1} running", running, rows.length);
    this.description = registry === "" ? count : `${count} · ${registry}`;
    this.iconPath = new vscode.ThemeIcon(icons[groupBy]);
    this.contextValue = "vmGroup";
    this.accessibilityInformation = {
      label: l10n.t("Group {0}, {1}", String(this.label), this.description),
      role: "treeitem",
    };
  }
}
