import * as vscode from "vscode";
import { showError } from "../engine/errors.ts";
import { commandLine } from "../run-configurations/run-plan.ts";
import type { CommandHandler, Services } from "../services.ts";
import { setting } from "../settings.ts";
import { chooseConfigurations } from "../views/selection.ts";
import { planContext, runDefaults } from "../workspace.ts";
import { listed } from "./vm-commands.ts";

const { l10n } = vscode;

export function runConfigurationCommands(services: Services) {
  const { configurations, secrets, runner, log } = services;
  const choose = (item: unknown, items: unknown, placeholder: string) =>
    chooseConfigurations(services, item, items, placeholder);

  const run = async (name: string): Promise<void> => {
    const configuration = await configurations.find(name);
    if (configuration === undefined) {
      await configurations.show(name);
      return;
    }
    const secretValues = await secrets.resolve(name, configuration.secrets ?? []);
    if (secretValues === undefined) return;
    await runner
      .run(configuration, secretValues)
      .catch((error) =>
        showError(error, log, [
          { title: l10n.t("Edit Configuration"), run: () => configurations.show(name) },
        ]),
      );
  };

  return {
    async runConfiguration(item, items) {
      await Promise.all((await choose(item, items, l10n.t("Run which configuration?"))).map(run));
    },

    async editConfiguration(item, items) {
      const [name] = await choose(item, items, l10n.t("Edit which configuration?"));
      if (name !== undefined) await configurations.show(name);
    },

    async duplicateConfiguration(item, items) {
      const { duplicateConfiguration } = await import("../run-configurations/run-configuration-file.ts");
      for (const name of await choose(item, items, l10n.t("Duplicate which configuration?"))) {
        const names = (await configurations.find(name))?.secrets ?? [];
        let copy = name;
        await configurations.edit((text) => {
          const duplicate = duplicateConfiguration(text, name);
          copy = duplicate.name;
          return duplicate.text;
        });
        await secrets.copy(name, copy, names);
        await configurations.show(copy);
      }
    },

    async deleteConfiguration(item, items) {
      const names = await choose(item, items, l10n.t("Delete which configuration?"));
      if (names.length === 0 || !(await confirmDeletion(names))) return;
      const { deleteConfiguration } = await import("../run-configurations/run-configuration-file.ts");
      for (const name of names) {
        const secretNames = (await configurations.find(name))?.secrets ?? [];
        await configurations.edit((text) => deleteConfiguration(text, name));
        await secrets.forget(name, secretNames);
      }
    },

    async copyConfiguration(item, items) {
      const [name] = await choose(item, items, l10n.t("Copy which configuration as a command?"));
      const configuration = name === undefined ? undefined : await configurations.find(name);
      if (configuration === undefined) return;
      const text = commandLine(configuration, planContext(), runDefaults());
      await vscode.env.clipboard.writeText(text);
      vscode.window.setStatusBarMessage(l10n.t("$(check) Copied: {0}", text), 5000);
    },

    async forgetSecrets(item, items) {
      for (const name of await choose(item, items, l10n.t("Forget the secrets of which configuration?"))) {
        await secrets.forget(name, (await configurations.find(name))?.secrets ?? []);
      }
    },
  } satisfies Record<string, CommandHandler>;
}

async function confirmDeletion(names: readonly string[]): Promise<boolean> {
  if (!setting("confirmRemove")) return true;
  const button = l10n.t("Delete");
  const question =
    names.length === 1
      ? l10n.t("Delete the run configuration {0}?", names[0] ?? "")
      : l10n.t("Delete {0} run configurations?", names.length);
  const detail = names.length > 1 ? { detail: listed(names) } : {};
  return (await vscode.window.showWarningMessage(question, { modal: true, ...detail }, button)) === button;
}
