import * as vscode from "vscode";
import type { FileEntry } from "../run-configurations/run-configuration-file.ts";
import type { RunConfigurations } from "../run-configurations/run-configurations.ts";
import { portablePath, suggestTarget } from "../run-configurations/run-plan.ts";
import { planContext } from "../workspace.ts";
import { rowsOf, variablesText } from "./tooltip-rows.ts";
import { warningIcon } from "./warning-icon.ts";

export class RunConfigurationItem extends vscode.TreeItem {
  readonly entry: FileEntry;

  constructor(entry: FileEntry) {
    super(entry.name, vscode.TreeItemCollapsibleState.None);
    this.entry = entry;
    this.id = `${entry.name}#${entry.index}`;
    const { configuration, problem, index } = entry;
    this.iconPath = problem === undefined ? new vscode.ThemeIcon("rocket") : warningIcon();
    this.description = problem ?? configuration?.image ?? "";
    this.contextValue =
      problem === undefined ? "configuration" : index < 0 ? "configuration.file" : "configuration.broken";
    this.command = {
      command: "mocker.editConfiguration",
      title: vscode.l10n.t("Edit"),
      arguments: [this],
    };
    this.accessibilityInformation = {
      label:
        problem === undefined
          ? vscode.l10n.t("Run configuration {0}, image {1}", entry.name, this.description)
          : vscode.l10n.t("Run configuration {0} {1}", entry.name, problem),
      role: "treeitem",
    };
  }
}

/** The view "Run Configurations". A folder that is dropped on one becomes a volume of it. */
export class RunConfigurationTree
  implements
    vscode.TreeDataProvider<RunConfigurationItem>,
    vscode.TreeDragAndDropController<RunConfigurationItem>,
    vscode.Disposable
{
  readonly dropMimeTypes = ["text/uri-list"];
  readonly dragMimeTypes = [];
  readonly #configurations: RunConfigurations;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly #subscription: vscode.Disposable;

  readonly onDidChangeTreeData = this.#changed.event;

  constructor(configurations: RunConfigurations) {
    this.#configurations = configurations;
    this.#subscription = configurations.onDidChange(() => this.#changed.fire(undefined));
  }

  async getChildren(item?: RunConfigurationItem): Promise<RunConfigurationItem[]> {
    if (item !== undefined || !vscode.workspace.isTrusted) return [];
    return (await this.#configurations.entries()).map((entry) => new RunConfigurationItem(entry));
  }

  getTreeItem(item: RunConfigurationItem): vscode.TreeItem {
    return item;
  }

  getParent(): undefined {
    return undefined;
  }

  resolveTreeItem(item: RunConfigurationItem): RunConfigurationItem {
    item.tooltip = tooltip(item.entry);
    return item;
  }

  async handleDrop(target: RunConfigurationItem | undefined, data: vscode.DataTransfer): Promise<void> {
    const name = target?.entry.configuration?.name;
    const list = await data.get("text/uri-list")?.asString();
    if (name === undefined || list === undefined) return;
    const context = planContext();
    const { addVolume } = await import("../run-configurations/run-configuration-file.ts");
    for (const line of list.split(/\r?\n/)) {
      const path = await folderOf(line);
      if (path === undefined) continue;
      const taken = (await this.#configurations.find(name))?.volumes ?? [];
      const volume = {
        source: portablePath(path, context),
        target: suggestTarget(
          path,
          taken.map((other) => other.target),
          path === context.workspaceFolder,
        ),
      };
      await this.#configurations.edit((text) => addVolume(text, name, volume));
    }
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#changed.dispose();
  }
}

/** Path of a dropped folder; of a dropped file, the folder it is in. */
async function folderOf(uriText: string): Promise<string | undefined> {
  if (uriText === "" || uriText.startsWith("#")) return undefined;
  const uri = vscode.Uri.parse(uriText);
  try {
    const { type } = await vscode.workspace.fs.stat(uri);
    return (type & vscode.FileType.Directory) !== 0 ? uri.fsPath : vscode.Uri.joinPath(uri, "..").fsPath;
  } catch {
    return undefined;
  }
}

function tooltip({ name, configuration, problem }: FileEntry): vscode.MarkdownString {
  const { l10n } = vscode;
  const text = new vscode.MarkdownString(undefined, true);
  text.appendMarkdown("$(rocket) **");
  text.appendText(name);
  text.appendMarkdown("**");
  if (configuration === undefined) {
    text.appendMarkdown("\n\n$(warning) ");
    text.appendText(problem ?? "");
    return text;
  }
  text.appendMarkdown("\n\n| | |\n|:--|:--|\n");
  const row = rowsOf(text);
  row(l10n.t("Image"), configuration.image);
  if (configuration.command) row(l10n.t("Command"), configuration.command.join(" "));
  for (const port of configuration.ports ?? []) row(l10n.t("Port"), port);
  if (configuration.network) row(l10n.t("Network"), configuration.network);
  for (const { source, target, readOnly } of configuration.volumes ?? []) {
    const what = source ?? l10n.t("anonymous");
    row(l10n.t("Volume"), `${what} → ${target}${readOnly ? ` (${l10n.t("read-only")})` : ""}`);
  }
  for (const file of configuration.envFiles ?? []) row(l10n.t("Env file"), file);
  const variables = Object.keys(configuration.env ?? {}).length;
  if (variables > 0) row(l10n.t("Environment"), variablesText(variables));
  if (configuration.secrets?.length) row(l10n.t("Secrets"), configuration.secrets.join(", "));
  if (configuration.cpus) row(l10n.t("CPUs"), String(configuration.cpus));
  if (configuration.memoryMiB) row(l10n.t("Memory"), `${configuration.memoryMiB} MiB`);
  return text;
}
