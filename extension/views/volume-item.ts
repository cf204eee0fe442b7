import * as vscode from "vscode";
import type { VolumeSummary } from "../../engine/protocol/index.ts";
import { formatBytes, formatTime, shortId } from "./format.ts";
import { rowsOf } from "./tooltip-rows.ts";
import { warningIcon } from "./warning-icon.ts";

const { l10n } = vscode;

/** One volume in the tree. */
export class VolumeItem extends vscode.TreeItem {
  readonly volume: VolumeSummary;

  /** `users`: names of the VMs that have it. */
  constructor(volume: VolumeSummary, users: readonly string[]) {
    super(volumeLabel(volume), vscode.TreeItemCollapsibleState.None);
    this.volume = volume;
    this.id = volume.name;
    const { broken } = volume;
    this.description = broken ?? [usersText(users), kindOf(volume)].filter((part) => part !== "").join(" · ");
    this.iconPath =
      broken === undefined
        ? new vscode.ThemeIcon(
            "database",
            users.length > 0 ? undefined : new vscode.ThemeColor("descriptionForeground"),
          )
        : warningIcon();
    this.contextValue =
      broken !== undefined ? "volume.broken" : users.length > 0 ? "volume.used" : "volume.unused";
    this.accessibilityInformation = {
      label: l10n.t("Volume {0}, {1}", volumeLabel(volume), this.description),
      role: "treeitem",
    };
  }
}

/** What the user knows it by: 64 digits are nobody's name. */
export function volumeLabel({ name, anonymous }: Pick<VolumeSummary, "name" | "anonymous">): string {
  return anonymous ? shortId(name) : name;
}

/** Which VMs have or want something, by their names. */
export function usersText(users: readonly string[]): string {
  return users.length === 0 ? l10n.t("not used") : l10n.t("used by {0}", users.join(", "));
}

/** What tells it from a directory of the engine's, with its size where it has one. */
function kindOf({ anonymous, options }: VolumeSummary): string {
  if (anonymous) return l10n.t("anonymous");
  if (options.type === "block") return ["block", options.size ?? ""].filter((part) => part !== "").join(" ");
  return options.device ?? "";
}

/** `diskBytes`: undefined where it is not known. */
export function volumeTooltip(
  volume: VolumeSummary,
  users: readonly string[],
  diskBytes: number | undefined,
): vscode.MarkdownString {
  const text = new vscode.MarkdownString(undefined, true);
  const row = rowsOf(text);
  text.appendMarkdown("$(database) **");
  text.appendText(volumeLabel(volume));
  text.appendMarkdown("**");
  if (volume.broken !== undefined) {
    text.appendMarkdown("\n\n$(warning) ");
    text.appendText(volume.broken);
  }
  text.appendMarkdown("\n\n| | |\n|:--|:--|\n");
  if (volume.anonymous) row(l10n.t("Name"), volume.name);
  row(l10n.t("Used by"), users.join(", ") || l10n.t("none"));
  if (diskBytes !== undefined) row(l10n.t("Size"), formatBytes(diskBytes));
  row(l10n.t("Created"), formatTime(volume.createdAt, vscode.env.language));
  row(l10n.t("Folder"), volume.mountpoint);
  for (const [key, value] of Object.entries(volume.options)) row(key, value);
  return text;
}
