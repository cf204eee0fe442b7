import * as vscode from "vscode";
import type { VmSummary } from "../../engine/protocol/index.ts";
import type { Model } from "../engine/model.ts";
import { isRunning } from "../engine/store.ts";
import { tiedVms } from "../run-configurations/configuration-ties.ts";
import {
  type ConfigurationEntry,
  type RunConfigurations,
  tieOf,
} from "../run-configurations/run-configurations.ts";
import { portablePath, suggestTarget } from "../run-configurations/run-plan.ts";
import { localFolders, planContext } from "../workspace.ts";
import { RowTree } from "./row-tree.ts";
import { rowsOf, variablesText } from "./tooltip-rows.ts";
import { warningIcon } from "./warning-icon.ts";

export class RunConfigurationItem extends vscode.TreeItem {
  readonly entry: ConfigurationEntry;

  /** `vms`: those that it has made. `saysFolder`: there are several, and it is told apart by its own. */
  constructor(entry: ConfigurationEntry, vms: readonly VmSummary[], saysFolder: boolean) {
    super(entry.name, vscode.TreeItemCollapsibleState.None);
    this.entry = entry;
    this.id = `${entry.folder.uri.toString()}#${entry.name}#${entry.index}`;
    const { configuration, problem, index, folder } = entry;
    const running = vms.filter(isRunning);
    const state = running.length > 0 ? vscode.l10n.t("running") : "";
    this.iconPath =
      problem !== undefined
        ? warningIcon()
        : running.length > 0
          ? new vscode.ThemeIcon("vm-running", new vscode.ThemeColor("debugIcon.startForeground"))
          : new vscode.ThemeIcon("rocket");
    this.description = [problem ?? state, configuration?.image ?? "", saysFolder ? folder.name : ""]
      .filter((part) => part !== "")
      .join(" · ");
    this.contextValue = contextOf(problem, index, running.length > 0);
    this.command = {
      command: "mocker.editConfiguration",
      title: vscode.l10n.t("Edit"),
      arguments: [this],
    };
    this.accessibilityInformation = {
      label:
        problem === undefined
          ? vscode.l10n.t("Run configuration {0}, {1}", entry.name, this.description)
          : vscode.l10n.t("Run configuration {0} {1}", entry.name, problem),
      role: "treeitem",
    };
  }
}

/** Words for `when` clauses. */
function contextOf(problem: string | undefined, index: number, isRun: boolean): string {
  if (problem !== undefined) return index < 0 ? "configuration.file" : "configuration.broken";
  return isRun ? "configuration.running" : "configuration.ready";
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
  readonly #model: Model;
  readonly #rows = new RowTree<RunConfigurationItem>(() => this.#items());
  readonly #subscriptions: vscode.Disposable[];
  #entries: readonly ConfigurationEntry[] = [];

  readonly onDidChangeTreeData = this.#rows.onDidChange;

  constructor(configurations: RunConfigurations, model: Model) {
    this.#configurations = configurations;
    this.#model = model;
    this.#subscriptions = [
      configurations.onDidChange(async () => {
        await this.#read();
        this.#rows.refresh();
      }),
      model.onDidChange(() => this.#rows.refresh()),
    ];
  }

  async getChildren(item?: RunConfigurationItem): Promise<RunConfigurationItem[]> {
    if (item !== undefined) return [];
    await this.#read();
    return this.#rows.items();
  }

  async #read(): Promise<void> {
    this.#entries = vscode.workspace.isTrusted ? await this.#configurations.entries() : [];
  }

  #items(): RunConfigurationItem[] {
    const vms = [...this.#model.snapshot.vms.values()];
    const saysFolder = localFolders().length > 1;
    return this.#entries.map(
      (entry) => new RunConfigurationItem(entry, tiedVms(vms, tieOf(entry)), saysFolder),
    );
  }

  getTreeItem(item: RunConfigurationItem): vscode.TreeItem {
    return this.#rows.current(item);
  }

  resolveTreeItem(item: RunConfigurationItem): RunConfigurationItem {
    item.tooltip = tooltip(item.entry);
    return item;
  }

  async handleDrop(target: RunConfigurationItem | undefined, data: vscode.DataTransfer): Promise<void> {
    const list = await data.get("text/uri-list")?.asString();
    if (target?.entry.configuration === undefined || list === undefined) return;
    const { entry } = target;
    const context = planContext(entry.folder);
    const { addVolume } = await import("../run-configurations/run-configuration-file.ts");
    for (const line of list.split(/\r?\n/)) {
      const path = await folderOf(line);
      if (path === undefined) continue;
      const taken = (await this.#configurations.find(entry))?.volumes ?? [];
      const volume = {
        source: portablePath(path, context),
        target: suggestTarget(
          path,
          taken.map((other) => other.target),
          localFolders().some(({ uri }) => uri.fsPath === path),
        ),
      };
      await this.#configurations.edit(entry.folder, (text) => addVolume(text, entry.name, volume));
    }
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#rows.dispose();
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

function tooltip({ name, configuration, problem }: ConfigurationEntry): vscode.MarkdownString {
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
