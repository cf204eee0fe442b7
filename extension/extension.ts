import * as vscode from "vscode";
import { type MockerExports, makeExports } from "./api.ts";
import { arrangeCommands } from "./commands/arrange-commands.ts";
import type { CommandName } from "./commands/command-names.ts";
import { commandTarget, engineCommands } from "./commands/engine-commands.ts";
import { imageCommands } from "./commands/image-commands.ts";
import { commandFolder, refreshCommand } from "./commands/install-command.ts";
import { mountCommands } from "./commands/mount-commands.ts";
import { networkCommands } from "./commands/network-commands.ts";
import { portCommands } from "./commands/port-commands.ts";
import { Pulls } from "./commands/pulls.ts";
import { runConfigurationCommands } from "./commands/run-configuration-commands.ts";
import { vmCommands } from "./commands/vm-commands.ts";
import { volumeCommands } from "./commands/volume-commands.ts";
import { registerDebug } from "./debug/register-debug.ts";
import { Connection } from "./engine/connection.ts";
import { showError } from "./engine/errors.ts";
import { Model } from "./engine/model.ts";
import { Stops } from "./engine/stops.ts";
import { useTranslations } from "./l10n.ts";
import { RunConfigurations } from "./run-configurations/run-configurations.ts";
import { Runner } from "./run-configurations/runner.ts";
import { Secrets } from "./run-configurations/secrets.ts";
import type { CommandHandler, Services } from "./services.ts";
import { onDidChangeSetting } from "./settings.ts";
import { MockerTasks } from "./tasks/mocker-tasks.ts";
import { putCommandOnPath } from "./terminals/terminal-path.ts";
import { VmTerminalProfile } from "./terminals/terminal-profile.ts";
import { Terminals } from "./terminals/terminals.ts";
import { ContextKeys } from "./views/context-keys.ts";
import { Documents, scheme } from "./views/documents.ts";
import { imageTexts, isFilter } from "./views/image-filter.ts";
import { ImageTree } from "./views/image-tree.ts";
import { focusedRows, isKeyPress } from "./views/key-press.ts";
import { NetworkTree } from "./views/network-tree.ts";
import { RunConfigurationTree } from "./views/run-configuration-tree.ts";
import { RunningCount } from "./views/status-bar.ts";
import { ViewState } from "./views/view-state.ts";
import { ViewTexts } from "./views/view-texts.ts";
import { SimulationBadge } from "./views/vms/simulation-badge.ts";
import { isArrangement, plainArrangement } from "./views/vms/vm-arrangement.ts";
import { VmTree } from "./views/vms/vm-tree.ts";
import { arrangementText, vmMessage } from "./views/vms/vm-view-texts.ts";
import { VolumeTree } from "./views/volume-tree.ts";

/**
 * Wires the parts. No engine is started before a view is seen or a command asks for it; one that runs is
 * joined. Activated when the editor has started, for `mocker` on the PATH of terminals and the consoles of
 * the window before; what only some need (the language client, the wizard, debugging) is loaded when asked
 * for.
 */
export function activate(context: vscode.ExtensionContext): MockerExports {
  const own = <T extends vscode.Disposable>(disposable: T): T => {
    context.subscriptions.push(disposable);
    return disposable;
  };
  useTranslations(vscode.l10n.t);
  const log = own(vscode.window.createOutputChannel("Mocker", { log: true }));
  const connection = own(new Connection(log, String(context.extension.packageJSON.version)));
  const model = own(new Model(connection, log));
  const pulls = own(new Pulls(connection));
  const configurations = own(new RunConfigurations());
  const secrets = new Secrets(context.secrets);
  const terminals = own(new Terminals(connection, model, log, context.workspaceState));
  const runner = new Runner(connection, model, pulls, terminals, log);
  const documents = own(new Documents(connection, model));
  own(vscode.workspace.registerTextDocumentContentProvider(scheme, documents));
  const { workspaceState } = context;
  const vmArrangement = own(
    new ViewState(workspaceState, "mocker.vmArrangement", isArrangement, plainArrangement),
  );
  const imageFilter = own(new ViewState(workspaceState, "mocker.imageFilter", isFilter, ""));
  const contextKeys = own(new ContextKeys(connection, model, configurations, vmArrangement, imageFilter));

  const stops: Stops = new Stops(workspaceState, () => vmTree.refresh());
  const vmTree = own(new VmTree(model, connection, stops, vmArrangement));
  const imageTree = own(new ImageTree(model, connection, pulls, imageFilter));
  const volumeTree = own(new VolumeTree(model, connection));
  const networkTree = own(new NetworkTree(model, connection));
  const configurationTree = own(new RunConfigurationTree(configurations, model));
  own(vscode.window.registerFileDecorationProvider(new SimulationBadge()));
  const vmView = own(
    vscode.window.createTreeView("mocker.vms", { treeDataProvider: vmTree, canSelectMany: true }),
  );
  const imageView = own(
    vscode.window.createTreeView("mocker.images", { treeDataProvider: imageTree, canSelectMany: true }),
  );
  const volumeView = own(
    vscode.window.createTreeView("mocker.volumes", { treeDataProvider: volumeTree, canSelectMany: true }),
  );
  const networkView = own(
    vscode.window.createTreeView("mocker.networks", { treeDataProvider: networkTree, canSelectMany: true }),
  );
  const configurationView = own(
    vscode.window.createTreeView("mocker.configurations", {
      treeDataProvider: configurationTree,
      dragAndDropController: configurationTree,
      canSelectMany: true,
    }),
  );
  own(new RunningCount(connection, model, vmView));
  own(vmView.onDidChangeVisibility(({ visible }) => visible && vmTree.reorder()));
  own(
    new ViewTexts(
      vmView,
      () => ({
        description: arrangementText(vmArrangement.value),
        message: vmMessage([...model.snapshot.vms.values()], vmArrangement.value),
      }),
      [model.onDidChange, vmArrangement.onDidChange],
    ),
  );
  own(
    new ViewTexts(imageView, () => imageTexts([...model.snapshot.images.values()], imageFilter.value), [
      model.onDidChange,
      imageFilter.onDidChange,
    ]),
  );

  const services: Services = {
    connection,
    model,
    stops,
    pulls,
    terminals,
    documents,
    runner,
    configurations,
    secrets,
    log,
    imageView,
    contextKeys,
    vmArrangement,
    imageFilter,
    context,
  };
  const commands: Record<CommandName, CommandHandler> = {
    ...engineCommands(services),
    ...vmCommands(services),
    ...imageCommands(services),
    ...volumeCommands(services),
    ...networkCommands(services),
    ...portCommands(services),
    ...mountCommands(),
    ...arrangeCommands(services),
    ...runConfigurationCommands(services),
  };
  const views: Record<string, vscode.TreeView<unknown>> = {
    "mocker.vms": vmView,
    "mocker.images": imageView,
    "mocker.volumes": volumeView,
    "mocker.networks": networkView,
    "mocker.configurations": configurationView,
  };
  for (const [name, handler] of Object.entries(commands)) {
    own(
      vscode.commands.registerCommand(`mocker.${name}`, async (item?: unknown, items?: unknown) => {
        try {
          const view = isKeyPress(item) ? views[item.view] : undefined;
          await handler(item, view === undefined ? items : await focusedRows(view));
        } catch (error) {
          // The command is over, whenever the message is read.
          showError(error, log);
        }
      }),
    );
  }
  own(
    vscode.window.registerTerminalProfileProvider("mocker.vm", new VmTerminalProfile(model, terminals, log)),
  );
  own(MockerTasks.register(services));
  own(registerDebug(services));

  own(
    onDidChangeSetting("engine.path", () => {
      // An engine that runs is left alone until it is restarted.
      if (connection.state.kind === "failed") connection.connect().catch(() => undefined);
    }),
  );

  putCommandOnPath(context.environmentVariableCollection, __dirname);
  try {
    refreshCommand(commandTarget(context), commandFolder());
  } catch (error) {
    log.warn(`The installed command is as it was: ${String(error)}`);
  }
  connection
    .connectIfRunning()
    .then(() => terminals.restore())
    .catch((error) => log.warn(`Consoles were not opened again: ${String(error)}`));
  return makeExports(model, (vm) => terminals.openConsole(vm));
}
