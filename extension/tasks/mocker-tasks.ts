import * as vscode from "vscode";
import { MockerError } from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import { showError } from "../engine/errors.ts";
import { type RunConfigurations, tieOf } from "../run-configurations/run-configurations.ts";
import type { Runner } from "../run-configurations/runner.ts";
import type { Secrets } from "../run-configurations/secrets.ts";
import { ExecTerminal } from "./exec-terminal.ts";
import { RunTerminal } from "./run-terminal.ts";
import { type ExecTask, parseTask, type RunTask } from "./task-definition.ts";

const type = "mocker";

interface TaskServices {
  connection: Connection;
  configurations: RunConfigurations;
  secrets: Secrets;
  runner: Runner;
  log: vscode.LogOutputChannel;
}

/** Tasks of the type `mocker`; each run configuration of `.vscode/mocker.json` is one. */
export class MockerTasks implements vscode.TaskProvider {
  readonly #services: TaskServices;

  constructor(services: TaskServices) {
    this.#services = services;
  }

  static register(services: TaskServices): vscode.Disposable {
    return vscode.tasks.registerTaskProvider(type, new MockerTasks(services));
  }

  async provideTasks(): Promise<vscode.Task[]> {
    if (!vscode.workspace.isTrusted) return [];
    const entries = await this.#services.configurations.entries();
    return entries
      .filter(({ configuration }) => configuration !== undefined)
      .map(({ name, folder }) => this.#task({ type, run: name }, folder, name));
  }

  /** A task of `tasks.json`: its definition stays as it is written, variables included. */
  resolveTask(task: vscode.Task): vscode.Task {
    return this.#task(task.definition, task.scope ?? vscode.TaskScope.Workspace, task.name);
  }

  #task(
    definition: vscode.TaskDefinition,
    scope: vscode.WorkspaceFolder | vscode.TaskScope,
    name: string,
  ): vscode.Task {
    // The definition that is passed has the values of its variables.
    const execution = new vscode.CustomExecution(async (resolved) => this.#terminal(resolved, scope));
    return new vscode.Task(definition, scope, name, type, execution);
  }

  #terminal(
    definition: vscode.TaskDefinition,
    scope: vscode.WorkspaceFolder | vscode.TaskScope,
  ): vscode.Pseudoterminal {
    const { connection, log } = this.#services;
    const failed = (error: unknown) => {
      showError(error, log);
    };
    let task: RunTask | ExecTask;
    try {
      task = parseTask(definition);
    } catch (error) {
      // The terminal says it.
      return new RunTerminal(connection, () => Promise.reject(error), failed);
    }
    if (task.kind === "exec") return new ExecTerminal(connection, task, failed);
    const { configuration } = task;
    return new RunTerminal(connection, () => this.#create(configuration, scope), failed);
  }

  /** The VM goes when the task is over, unless the configuration keeps it. */
  async #create(
    name: string,
    scope: vscode.WorkspaceFolder | vscode.TaskScope,
  ): Promise<{ id: string; name: string }> {
    const { configurations, secrets, runner } = this.#services;
    const place = await configurations.place(name, typeof scope === "object" ? scope : undefined);
    const configuration = place === undefined ? undefined : await configurations.find(place);
    if (place === undefined || configuration === undefined) {
      throw new MockerError(
        "INVALID_ARGUMENT",
        vscode.l10n.t("There is no run configuration {0} in .vscode/mocker.json.", name),
        { hint: vscode.l10n.t("Correct the task, or save a configuration under this name") },
      );
    }
    const values = await secrets.resolve(place, configuration.secrets ?? []);
    if (values === undefined) throw new vscode.CancellationError();
    const task = { autoRemove: true, ...configuration };
    return await runner.create({ configuration: task, folder: place.folder, tie: tieOf(place) }, values);
  }
}
