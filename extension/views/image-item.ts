import * as vscode from "vscode";
import type { ImageDetails, ImageSummary } from "../../engine/protocol/index.ts";
import { type Pull, pullText } from "../commands/pulls.ts";
import { formatBytes, formatDate, formatTime, shortId } from "./format.ts";
import { nameAndRegistry, shortReference } from "./short-reference.ts";
import { rowsOf, variablesText } from "./tooltip-rows.ts";

/** One image in the tree. */
export class ImageItem extends vscode.TreeItem {
  readonly image: ImageSummary;

  constructor(image: ImageSummary, inUse: boolean) {
    const { name, registry } = nameAndRegistry(imageLabel(image));
    super(name, vscode.TreeItemCollapsibleState.None);
    this.image = image;
    this.id = image.id;
    const details = [formatBytes(image.sizeBytes), formatDate(image.created, vscode.env.language)];
    if (image.repoTags.length > 1) details.unshift(`+${image.repoTags.length - 1}`);
    // What is cut off first is last.
    this.description = joined([...details, registry]);
    this.iconPath = new vscode.ThemeIcon(
      "package",
      inUse ? undefined : new vscode.ThemeColor("descriptionForeground"),
    );
    this.contextValue = inUse ? "image.used" : "image.unused";
    this.accessibilityInformation = {
      label: vscode.l10n.t(
        "Image {0}, {1}",
        imageLabel(image),
        joined([...details, inUse ? vscode.l10n.t("used by VMs") : vscode.l10n.t("not used")]),
      ),
      role: "treeitem",
    };
  }
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" · ");
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

const copyDigest = "mocker.copyImageDigest";

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
  for (const digest of image.repoDigests)
    row(l10n.t("Digest"), shortId(digest.slice(digest.indexOf("@") + 1)));
  row(l10n.t("Created"), formatTime(image.created, vscode.env.language));
  row(l10n.t("Platform"), [image.os, image.architecture, image.variant].filter(Boolean).join("/"));
  row(l10n.t("Size"), formatBytes(image.sizeBytes));
  if (details !== undefined) {
    const { entrypoint, cmd, user, workingDir, env } = details.config;
    row(l10n.t("Layers"), String(details.layers.length));
    row(l10n.t("Command"), [...entrypoint, ...cmd].join(" "));
    if (user !== "") row(l10n.t("User"), user);
    if (workingDir !== "") row(l10n.t("Folder"), workingDir);
    row(l10n.t("Environment"), variablesText(env.length));
  }
  if (users.length > 0) row(l10n.t("Used by"), users.join(", "));
  if (image.repoDigests.length > 0) {
    text.isTrusted = { enabledCommands: [copyDigest] };
    const argument = encodeURIComponent(JSON.stringify(image.id));
    text.appendMarkdown(`\n[$(copy) ${l10n.t("Copy Digest")}](command:${copyDigest}?${argument})`);
  }
  return text;
}
