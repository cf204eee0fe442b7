import * as vscode from "vscode";
import { createVm } from "../../engine/client/create-vm.ts";
import { KeyValueFileError, readKeyValueFile } from "../../engine/common/key-value-file.ts";
import { MockerError, type VmSummary, vmRemove } from "../../engine/protocol/index.ts";
import { showPull } from "../commands/pull-step.ts";
import type { Pulls } from "../commands/pulls.ts";
import type { Connection } from "../engine/connection.ts";
import { asMockerError } from "../engine/errors.ts";
import type { Model } from "../engine/model.ts";
import { isRunning } from "../engine/store.ts";
import type { Terminals } from "../terminals/terminals.ts";
import { planContext, runDefaults } from "../workspace.ts";
import {
  type ConfigurationTie,
  type OnExisting,
  reactionTo,
  tiedVms,
  tieLabels,
} from "./configuration-ties.ts";
import type { RunConfiguration } from "./run-configuration.ts";
import { createParams, resolvePath } from "./run-plan.ts";

const { l10n } = vscode;

/** What is to run. */
export interface RunPlan {
  configuration: RunConfiguration;
  /** Whose settings count, and what `${workspaceFolder}` is. */
  folder: vscode.WorkspaceFolder | undefined;
  /** Of a saved configuration: what ties its VMs to it. */
  tie?: ConfigurationTie;
}

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
  async run(plan: RunPlan, secrets: Readonly<Record<string, string>>): Promise<{ id: string; name: string }> {
    const vm = await this.create(plan, secrets);
    this.#terminals.openConsole(vm, { start: true });
    return vm;
  }

  /**
   * Creates the VM, pulling its image if it is not there. Throws MockerError, and CancellationError where the
   * VM that is there already was taken instead.
   */
  async create(
    { configuration, folder, tie }: RunPlan,
    secrets: Readonly<Record<string, string>>,
  ): Promise<{ id: string; name: string }> {
    const context = planContext(folder);
    const fileEnv = (configuration.envFiles ?? []).flatMap((file) => readEnvFile(resolvePath(file, context)));
    const params = createParams(configuration, {
      context,
      defaults: runDefaults(folder),
      fileEnv,
      secrets,
      ...(tie === undefined ? {} : { labels: tieLabels(tie) }),
    });
    const replace = async (): Promise<boolean> => {
      const existing = this.#existing(configuration, tie);
      if (existing === undefined) return false;
      await this.#replace(existing, reactionTo(existing, tie, configuration.onExisting));
      return true;
    };
    await this.#model.whenLoaded();
    await replace();
    const vm = await createVm(this.#connection, params, {
      pull: () => this.pull(configuration.image),
      // The name was taken while the image was pulled.
      freeName: replace,
    });
    for (const warning of vm.warnings) this.#log.warn(warning);
    return vm;
  }

  /** The VM in the way: the one of the name, or of a configuration that says what to do about it its own. */
  #existing(
    { vmName, onExisting }: RunConfiguration,
    tie: ConfigurationTie | undefined,
  ): VmSummary | undefined {
    const vms = [...this.#model.snapshot.vms.values()];
    if (vmName) return vms.find((vm) => vm.name === vmName);
    return tie === undefined || onExisting === undefined ? undefined : tiedVms(vms, tie)[0];
  }

  /** Removes a VM to make another in its place, or shows it instead and throws CancellationError. */
  async #replace(existing: VmSummary, reaction: OnExisting): Promise<void> {
    const chosen = reaction === "ask" ? await askAbout(existing) : reaction;
    if (chosen === "start") this.#terminals.openConsole(existing, { start: !isRunning(existing) });
    if (chosen !== "replace") throw new vscode.CancellationError();
    await this.#connection.request(vmRemove, { vm: existing.id, force: true });
    this.#terminals.closeConsole(existing.id);
  }

  /** Pulls an image, with progress that can be cancelled. Throws MockerError; else true. */
  async pull(reference: string): Promise<boolean> {
    const pull = this.#pulls.start(reference);
    showPull(pull, this.#pulls);
    await pull.done;
    return true;
  }
}

/** Undefined: neither. What deletes nothing is the button that Enter presses. */
async function askAbout(vm: VmSummary): Promise<OnExisting | undefined> {
  const replace = l10n.t("Replace");
  const show = isRunning(vm) ? l10n.t("Show Console") : l10n.t("Start It Again");
  const answer = await vscode.window.showWarningMessage(
    isRunning(vm)
      ? l10n.t("A VM named {0} is running. Replacing it kills it and deletes its disk.", vm.name)
      : l10n.t("There is a VM named {0}. Replacing it deletes its disk.", vm.name),
    show,
    replace,
  );
  if (answer === show) return "start";
  return answer === replace ? "replace" : undefined;
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
