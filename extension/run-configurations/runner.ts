import * as vscode from "vscode";
import { createVm } from "../../engine/client/create-vm.ts";
import { KeyValueFileError, readKeyValueFile } from "../../engine/common/key-value-file.ts";
import { MockerError, vmRemove } from "../../engine/protocol/index.ts";
import { showPull } from "../commands/pull-step.ts";
import type { Pulls } from "../commands/pulls.ts";
import type { Connection } from "../engine/connection.ts";
import { asMockerError } from "../engine/errors.ts";
import type { Model } from "../engine/model.ts";
import { isRunning } from "../engine/store.ts";
import type { Terminals } from "../terminals/terminals.ts";
import { planContext, runDefaults } from "../workspace.ts";
import type { RunConfiguration } from "./run-configuration.ts";
import { createParams, resolvePath } from "./run-plan.ts";

const { l10n } = vscode;

/** Makes VMs of run configurations and opens their consoles. */
export class Runner {
  readonly #connection: Connection;
  readonly #model: Model;
  readonly #pulls: Pulls;
  readonly #terminals: Terminals;
  readonly #log: vscode.LogOutputChannel;

  constructor(
    connection: Connection,
    model: Model,
    pulls: Pulls,
    terminals: Terminals,
    log: vscode.LogOutputChannel,
  ) {
    this.#connection = connection;
    this.#model = model;
    this.#pulls = pulls;
    this.#terminals = terminals;
    this.#log = log;
  }

  /**
   * Creates the VM, pulling its image if it is not there, and starts it in its console. Throws MockerError.
   */
  async run(
    configuration: RunConfiguration,
    secrets: Readonly<Record<string, string>>,
  ): Promise<{ id: string; name: string }> {
    const vm = await this.create(configuration, secrets);
    this.#terminals.openConsole(vm, { start: true });
    return vm;
  }

  /** Creates the VM, pulling its image if it is not there. Throws MockerError. */
  async create(
    configuration: RunConfiguration,
    secrets: Readonly<Record<string, string>>,
  ): Promise<{ id: string; name: string }> {
    const context = planContext();
    const fileEnv = (configuration.envFiles ?? []).flatMap((file) => readEnvFile(resolvePath(file, context)));
    const params = createParams(configuration, { context, defaults: runDefaults(), fileEnv, secrets });
    const vm = await createVm(this.#connection, params, {
      pull: () => this.pull(configuration.image),
      freeName: () => this.#replaces(params.name ?? ""),
    });
    for (const warning of vm.warnings) this.#log.warn(warning);
    return vm;
  }

  /**
   * A VM has the name: running a configuration again usually means it anew. Resolves to whether the name is
   * free now.
   */
  async #replaces(name: string): Promise<boolean> {
    const existing = [...this.#model.snapshot.vms.values()].find((vm) => vm.name === name);
    if (existing === undefined) return false;
    const replace = l10n.t("Replace");
    const show = isRunning(existing) ? l10n.t("Show Console") : l10n.t("Start It Again");
    const answer = await vscode.window.showWarningMessage(
      isRunning(existing)
        ? l10n.t("A VM named {0} is running. Replacing it kills it and deletes its disk.", name)
        : l10n.t("There is a VM named {0}. Replacing it deletes its disk.", name),
      replace,
      show,
    );
    if (answer === show) this.#terminals.openConsole(existing, { start: !isRunning(existing) });
    if (answer !== replace) throw new vscode.CancellationError();
    await this.#connection.request(vmRemove, { vm: existing.id, force: true });
    this.#terminals.closeConsole(existing.id);
    return true;
  }

  /** Pulls an image, with progress that can be cancelled. Throws MockerError; else true. */
  async pull(reference: string): Promise<boolean> {
    const pull = this.#pulls.start(reference);
    showPull(pull, this.#pulls);
    await pull.done;
    return true;
  }
}

function readEnvFile(path: string): string[] {
  try {
    return readKeyValueFile(path, (key) => process.env[key]);
  } catch (error) {
    const reason = error instanceof KeyValueFileError ? error.reason : asMockerError(error).message;
    throw new MockerError("INVALID_ARGUMENT", l10n.t("The env file {0} cannot be used: {1}.", path, reason), {
      hint: l10n.t("Correct the file, or take it out of the run configuration."),
    });
  }
}
