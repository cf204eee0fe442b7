import * as vscode from "vscode";
import { showError } from "../engine/errors.ts";
import { type ConfigurationPlace, tieOf } from "../run-configurations/run-configurations.ts";
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

  const run = async (place: ConfigurationPlace): Promise<void> => {
    const configuration = await configurations.find(place);
    if (configuration === undefined) {
      await configurations.show(place);
      return;
    }
    const secretValues = await secrets.resolve(place, configuration.secrets ?? []);
    if (secretValues === undefined) return;
    await runner
      .run({ configuration, folder: place.folder, tie: tieOf(place) }, secretValues)
      .catch((error) =>
        showError(error, log, [
          { title: l10n.t("Edit Configuration"), run: () => configurations.show(place) },
        ]),
      );
  };

  return {
    async runConfiguration(item, items) {
      await Promise.all((await choose(item, items, l10n.t("Run which configuration?"))).map(run));
    },

    async editConfiguration(item, items) {
      const [place] = await choose(item, items, l10n.t("Edit which configuration?"));
      if (place !== undefined) await configurations.show(place);
    },

    async duplicateConfiguration(item, items) {
      const { duplicateConfiguration } = await import("../run-configurations/run-configuration-file.ts");
      for (const place of await choose(item, items, l10n.t("Duplicate which configuration?"))) {
        const names = (await configurations.find(place))?.secrets ?? [];
        let copy = place;
        await configurations.edit(place.folder, (text) => {
          const duplicate = duplicateConfiguration(text, place.name);
          copy = { ...place, name: duplicate.name };
          return duplicate.text;
        });
        await secrets.copy(place, copy, names);
        await configurations.show(copy);
      }
    },

    async deleteConfiguration(item, items) {
      const places = await choose(item, items, l10n.t("Delete which configuration?"));
      if (places.length === 0 || !(await confirmDeletion(places.map(({ name }) => name)))) return;
      const { deleteConfiguration } = await import("../run-configurations/run-configuration-file.ts");
      for (const place of places) {
        const secretNames = (await configurations.find(place))?.secrets ?? [];
        await configurations.edit(place.folder, (text) => deleteConfiguration(text, place.name));
        await secrets.forget(place, secretNames);
      }
    },

    async copyConfiguration(item, items) {
      const [place] = await choose(item, items, l10n.t("Copy which configuration as a command?"));
      const configuration = place === undefined ? undefined : await configurations.find(place);
      if (configuration === undefined) return;
      const text = commandLine(configuration, planContext(place?.folder), runDefaults(place?.folder));
      await vscode.env.clipboard.writeText(text);
      vscode.window.setStatusBarMessage(l10n.t("$(check) Copied: {0}", text), 5000);
    },

    async forgetSecrets(item, items) {
      for (const place of await choose(item, items, l10n.t("Forget the secrets of which configuration?"))) {
        await secrets.forget(place, (await configurations.find(place))?.secrets ?? []);
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
