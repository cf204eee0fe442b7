import * as vscode from "vscode";
import type { ImageDetails, ImageSummary } from "../../engine/protocol/index.ts";
import { type Pull, pullText } from "../commands/pulls.ts";
import { formatAge, formatBytes, shortId } from "./format.ts";
import { shortReference } from "./short-reference.ts";
import { rowsOf } from "./tooltip-rows.ts";

/** One image in the tree. */
export class ImageItem extends vscode.TreeItem {
  readonly image: ImageSummary;

  constructor(image: ImageSummary, inUse: boolean) {
    super(imageLabel(image), vscode.TreeItemCollapsibleState.None);
    this.image = image;
    this.id = image.id;
    const details = [formatBytes(image.sizeBytes), formatAge(image.created, Date.now(), vscode.env.language)];
    if (image.repoTags.length > 1) details.unshift(`+${image.repoTags.length - 1}`);
    this.description = details.filter((part) => part !== "").join(" · ");
    this.iconPath = new vscode.ThemeIcon(
      "package",
      inUse ? undefined : new vscode.ThemeColor("disabledForeground"),
    );
    this.contextValue = inUse ? "image.used" : "image.unused";
    this.accessibilityInformation = {
      label: vscode.l10n.t("Image {0}, {1}", imageLabel(image), this.description),
      role: "treeitem",
    };
  }
}

/** A pull, on top of the images. */
export class PullItem extends vscode.TreeItem {
  readonly pull: Pull;

  constructor(pull: Pull) {
    super(shortReference(pull.reference), vscode.TreeItemCollapsibleState.None);
    this.pull = pull;
    this.id = `pull:${pull.reference}`;
    this.iconPath = new vscode.ThemeIcon("loading~spin");
    this.description = pullText(pull.meter);
    this.tooltip = vscode.l10n.t("Pulling {0}, {1}", pull.reference, this.description);
    this.contextValue = "pull";
    this.accessibilityInformation = {
      label: this.tooltip,
      role: "treeitem",
    };
  }
}

/** What the user knows an image by. */
export function imageLabel(image: ImageSummary): string {
  return image.repoTags[0] ?? image.repoDigests[0]?.replace(/(@sha256:.{12}).*/, "$1…") ?? shortId(image.id);
}

/** What to name the image by in requests: a tag, so that records read well, else its ID. */
export function imageName(image: ImageSummary): string {
  return image.repoTags[0] ?? image.id;
}

export function imageTooltip(
  image: ImageSummary,
  details: ImageDetails | undefined,
  users: readonly string[],
): vscode.MarkdownString {
  const { l10n } = vscode;
  const text = new vscode.MarkdownString(undefined, true);
  const row = rowsOf(text);
  text.appendMarkdown("$(package) **");
  text.appendText(imageLabel(image));
  text.appendMarkdown("**\n\n| | |\n|:--|:--|\n");
  row(l10n.t("Tags"), image.repoTags.join(", ") || l10n.t("none"));
  row(l10n.t("ID"), shortId(image.id));
  for (const digest of image.repoDigests) row(l10n.t("Digest"), digest.slice(digest.indexOf("@") + 1));
  row(l10n.t("Platform"), [image.os, image.architecture, image.variant].filter(Boolean).join("/"));
  row(l10n.t("Size"), formatBytes(image.sizeBytes));
  if (details !== undefined) {
    const { entrypoint, cmd, user, workingDir, env } = details.config;
    row(l10n.t("Layers"), String(details.layers.length));
    row(l10n.t("Command"), [...entrypoint, ...cmd].join(" "));
    if (user !== "") row(l10n.t("User"), user);
    if (workingDir !== "") row(l10n.t("Folder"), workingDir);
    row(l10n.t("Environment"), l10n.t("{0} variables", env.length));
  }
  if (users.length > 0) row(l10n.t("Used by"), users.join(", "));
  return text;
}
