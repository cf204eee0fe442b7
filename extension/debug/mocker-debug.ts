import { join } from "node:path";
import * as vscode from "vscode";
import { MockerError } from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import { asMockerError, describe, showError } from "../engine/errors.ts";
import type { Model } from "../engine/model.ts";
import type { Runner } from "../run-configurations/runner.ts";
import { currentFolder, planContext, runDefaults } from "../workspace.ts";
import { planDebugging } from "./debug-plan.ts";
import { type DebugHost, DebugSession, type InspectorTarget } from "./debug-session.ts";
import { DebugTerminals } from "./debug-terminals.ts";
import { hasDebugpy } from "./debugpy.ts";
import { chooseImage } from "./image-choice.ts";
import { InlineAdapter } from "./inline-adapter.ts";
import { KeptVms } from "./kept-vms.ts";
import { debuggers, type Language, languageOf, languages } from "./language.ts";

const type = "mocker";

export interface DebugServices {
  connection: Connection;
  model: Model;
  runner: Runner;
  log: vscode.LogOutputChannel;
  context: vscode.ExtensionContext;
}

/** The debug type `mocker`: F5 in a VM. */
export class MockerDebug implements vscode.DebugConfigurationProvider, vscode.DebugAdapterDescriptorFactory {
  readonly #services: DebugServices;
  readonly #kept = new KeptVms();
  readonly #terminals: DebugTerminals;

  constructor(services: DebugServices) {
    this.#services = services;
    this.#terminals = new DebugTerminals(services.connection);
  }

  dispose(): void {
    this.#kept.dispose();
    this.#terminals.dispose();
  }

  /** The file that is open, if it can be debugged: what the editor lists as found by itself. */
  openProgram(): vscode.DebugConfiguration[] {
    return [openProgram() ?? []].flat();
  }

  /** For a new `launch.json`. */
  provideDebugConfigurations(): vscode.DebugConfiguration[] {
    const open = openProgram();
    const programs = open === undefined ? [configurationFor("node"), configurationFor("python")] : [open];
    return programs.map((configuration) => ({
      ...configuration,
      image: debuggers[languageOf(configuration.program) ?? "node"].images[0],
    }));
  }

  /** What is missing is asked for, or filled in from the file that is open. */
  async resolveDebugConfiguration(
    _folder: vscode.WorkspaceFolder | undefined,
    given: vscode.DebugConfiguration,
  ): Promise<vscode.DebugConfiguration | undefined | null> {
    if (!vscode.workspace.isTrusted) return this.#refuse(untrusted());
    const isEmpty = !given.type && !given.request && !given.name;
    const configuration = isEmpty ? openProgram() : given;
    // Null opens launch.json.
    if (configuration === undefined) return null;
    if (configuration.request !== "launch" || configuration.image) return configuration;
    const named = languages.find((language) => language === configuration.language);
    const language = named ?? languageOf(String(configuration.program)) ?? "native";
    const { model, context } = this.#services;
    try {
      const image = await chooseImage(model, context.workspaceState, language);
      return image === undefined ? undefined : { ...configuration, image };
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /** Says at once, before any VM is made, what of a configuration is wrong. */
  resolveDebugConfigurationWithSubstitutedVariables(
    folder: vscode.WorkspaceFolder | undefined,
    configuration: vscode.DebugConfiguration,
  ): vscode.DebugConfiguration | undefined {
    try {
      planDebugging(configuration, contextOf(folder));
      return configuration;
    } catch (error) {
      return this.#refuse(error);
    }
  }

  createDebugAdapterDescriptor(session: vscode.DebugSession): vscode.DebugAdapterDescriptor {
    const { connection } = this.#services;
    const plan = planDebugging(session.configuration, contextOf(session.workspaceFolder));
    return new vscode.DebugAdapterInlineImplementation(
      new InlineAdapter(session, (send) => {
        return new DebugSession(connection, plan, this.#host(session, send), this.#kept);
      }),
    );
  }

  #host(session: vscode.DebugSession, send: DebugHost["send"]): DebugHost {
    const { runner } = this.#services;
    return {
      send,
      pull: (image) => runner.pull(image),
      attachInspector: (target, members) => attachInspector(session, target, members),
      runInTerminal: (vm, request) => this.#terminals.run(session.name, vm, request),
      describe: (error) => describe(asMockerError(error)),
    };
  }

  /** Undefined, which ends what was asked for, after a message that says why. */
  #refuse(error: unknown): undefined {
    const actions = vscode.workspace.isTrusted
      ? [{ title: vscode.l10n.t("Open launch.json"), run: () => openLaunchJson() }]
      : [{ title: vscode.l10n.t("Manage Workspace Trust"), run: () => manageTrust() }];
    showError(error, this.#services.log, actions);
    return undefined;
  }
}

function openLaunchJson(): Thenable<unknown> {
  return vscode.commands.executeCommand("workbench.action.debug.configure");
}

function manageTrust(): Thenable<unknown> {
  return vscode.commands.executeCommand("workbench.trust.manage");
}

function untrusted(): MockerError {
  return new MockerError("INVALID_ARGUMENT", vscode.l10n.t("This workspace is not trusted."), {
    hint: vscode.l10n.t("Its programs are run, and its files shared with a VM, once you trust it"),
  });
}

/** js-debug, which the editor has, attaches from outside; its session lives and ends with ours. */
async function attachInspector(
  parent: vscode.DebugSession,
  target: InspectorTarget,
  members: Record<string, unknown>,
): Promise<void> {
  const started = await vscode.debug.startDebugging(
    parent.workspaceFolder,
    {
      resolveSourceMapLocations: null,
      ...members,
      ...target,
      type: "pwa-node",
      request: "attach",
      name: parent.name,
      // The VM ends with the program: there is nothing to attach to again.
      restart: false,
    },
    {
      parentSession: parent,
      consoleMode: vscode.DebugConsoleMode.MergeWithParent,
      lifecycleManagedByParent: true,
      compact: true,
    },
  );
  if (!started) {
    throw new MockerError(
      "FEATURE_UNAVAILABLE",
      vscode.l10n.t("The editor's JavaScript debugger did not start."),
      {
        hint: vscode.l10n.t("Enable the extension JavaScript Debugger, which comes with the editor"),
      },
    );
  }
}

function contextOf(folder: vscode.WorkspaceFolder | undefined) {
  const own = folder?.uri.scheme === "file" ? folder : currentFolder();
  return { plan: planContext(own), defaults: runDefaults(own), debugpy: editorsDebugpy() };
}

/** The debugpy of Microsoft's extension Python Debugger, if that is installed. */
function editorsDebugpy(): string | undefined {
  const extension = vscode.extensions.getExtension("ms-python.debugpy");
  const directory = extension && join(extension.extensionPath, "bundled", "libs");
  return directory !== undefined && hasDebugpy(directory) ? directory : undefined;
}

/** The file that is open, if it is a program of the workspace. */
function openProgram(): vscode.DebugConfiguration | undefined {
  const file = vscode.window.activeTextEditor?.document.uri;
  if (file?.scheme !== "file" || vscode.workspace.getWorkspaceFolder(file) === undefined) return undefined;
  const language = languageOf(file.fsPath);
  if (language === undefined) return undefined;
  return configurationFor(language, vscode.workspace.asRelativePath(file, false));
}

function configurationFor(
  language: Language,
  program = `main${debuggers[language].extensions[0] ?? ""}`,
): vscode.DebugConfiguration {
  return {
    type,
    request: "launch",
    name: vscode.l10n.t("Debug {0} in a microVM", program),
    program: `\${workspaceFolder}/${program}`,
  };
}
