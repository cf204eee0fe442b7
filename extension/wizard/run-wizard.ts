import * as vscode from "vscode";
import { imageInspect } from "../../engine/protocol/index.ts";
import { showError } from "../engine/errors.ts";
import { publishLabel } from "../run-configurations/published-port.ts";
import { type ConfigurationPlace, tieOf } from "../run-configurations/run-configurations.ts";
import { commandLine, quote, splitWords } from "../run-configurations/run-plan.ts";
import { currentFolder, localFolders, planContext, runDefaults } from "../workspace.ts";
import { configurationOf, type Draft, emptyDraft } from "./draft.ts";
import { envStep } from "./env-step.ts";
import { imageStep } from "./image-step.ts";
import { nameStep } from "./name-step.ts";
import { chosenNetwork, networkStep } from "./network-step.ts";
import { portsStep } from "./ports-step.ts";
import {
  askText,
  type NamedStep,
  type PickItem,
  pickStep,
  runSteps,
  type Step,
  type StepPlace,
  separator,
} from "./quick-input.ts";
import { defaultResources, resourcesStep, resourcesText } from "./resources-step.ts";
import { volumeSource, volumesStep } from "./volumes-step.ts";
import type { WizardServices } from "./wizard-services.ts";

const { l10n } = vscode;

/** From an image to a running VM, a saved run configuration or a command line. `image`: that step is done. */
export async function runWizard(services: WizardServices, image?: string): Promise<void> {
  const draft = emptyDraft(currentFolder(), image);
  let finish: (() => Promise<void>) | undefined;
  const named = (name: string, run: Step): NamedStep => ({ name, run });
  const title = () => (draft.image === "" ? l10n.t("Run a VM") : l10n.t("Run {0}", draft.image));
  const finished = await runSteps(title, [
    ...(image === undefined ? [named(l10n.t("Image"), imageStep(draft, services))] : []),
    named(l10n.t("Name"), nameStep(draft, services.model)),
    named(l10n.t("Network"), networkStep(draft, services)),
    named(l10n.t("Ports"), portsStep(draft, services)),
    named(l10n.t("Volumes"), volumesStep(draft, services.model)),
    named(l10n.t("Environment"), envStep(draft, services.connection)),
    named(l10n.t("Resources"), resourcesStep(draft)),
    named(
      l10n.t("Summary"),
      finishStep(draft, services, (chosen) => {
        finish = chosen;
      }),
    ),
  ]);
  if (!finished) return;
  await finish?.().catch((error) => showError(error, services.log));
}

function finishStep(
  draft: Draft,
  services: WizardServices,
  choose: (finish: () => Promise<void>) => void,
): Step {
  const { runner, configurations, secrets, connection } = services;
  const run = async (saved?: ConfigurationPlace): Promise<void> => {
    await runner.run(
      {
        configuration: configurationOf(draft, saved?.name ?? (draft.vmName || draft.image)),
        folder: draft.folder,
        ...(saved === undefined ? {} : { tie: tieOf(saved) }),
      },
      Object.fromEntries(draft.secrets),
    );
  };
  const save = async (place: ConfigurationPlace): Promise<void> => {
    const { saveConfiguration } = await import("../run-configurations/run-configuration-file.ts");
    for (const [key, value] of draft.secrets) await secrets.store(place, key, value);
    await configurations.edit(place.folder, (text) =>
      saveConfiguration(text, configurationOf(draft, place.name)),
    );
  };
  return async (place) => {
    const image = await connection.request(imageInspect, { image: draft.image }).catch(() => undefined);
    const end = (finish: () => Promise<void>) => {
      choose(finish);
      return "next" as const;
    };
    const saveAnd = (next: (saved: ConfigurationPlace) => Promise<void>) => async () => {
      const name = await askText(place, {
        prompt: l10n.t("Name of the run configuration"),
        value: draft.vmName || draft.image.replace(/.*\/|[:@].*/g, ""),
        validate: (text) => (text.trim() === "" ? l10n.t("Type a name") : undefined),
      });
      const { folder } = draft;
      if (typeof name !== "object" || folder === undefined) return undefined;
      const saved = { name: name.text.trim(), folder };
      return end(async () => {
        await save(saved);
        await next(saved);
      });
    };
    const file = ".vscode/mocker.json";
    return pickStep(place, {
      placeholder: l10n.t("Run {0}", draft.image),
      active: l10n.t("Run"),
      items: () => {
        const { folder } = draft;
        const line = commandLine(configurationOf(draft, "run"), planContext(folder), runDefaults(folder));
        return [
          {
            label: l10n.t("Run"),
            description: draft.image,
            iconPath: new vscode.ThemeIcon("play"),
            run: () => end(() => run()),
          },
          ...(folder === undefined
            ? []
            : [
                {
                  label: l10n.t("Save and Run"),
                  iconPath: new vscode.ThemeIcon("save-all"),
                  run: saveAnd(run),
                },
                {
                  label: l10n.t("Save as Run Configuration"),
                  description: localFolders().length > 1 ? `${folder.name}/${file}` : file,
                  iconPath: new vscode.ThemeIcon("save"),
                  run: saveAnd((saved) => configurations.show(saved)),
                },
              ]),
          {
            label: l10n.t("Copy as mocker Command"),
            description: line,
            iconPath: new vscode.ThemeIcon("copy"),
            run: () =>
              end(async () => {
                await vscode.env.clipboard.writeText(line);
                vscode.window.setStatusBarMessage(l10n.t("$(check) Copied: {0}", line), 5000);
              }),
          },
          separator(l10n.t("Change")),
          commandItem(draft, draft.command ?? image?.config.cmd ?? [], place),
          ...summaryItems(draft),
          ...folderItems(draft),
        ] satisfies PickItem[];
      },
    });
  };
}

function commandItem(draft: Draft, command: readonly string[], place: StepPlace): PickItem {
  const line = command.map(quote).join(" ");
  return {
    label: l10n.t("Command…"),
    description: line,
    iconPath: new vscode.ThemeIcon("terminal"),
    run: async () => {
      const answer = await askText(place, {
        prompt: l10n.t("Command and its arguments; empty for the image's own"),
        value: line,
        validate: (text) => (splitWords(text) === undefined ? l10n.t("A quote is not closed") : undefined),
      });
      if (typeof answer !== "object") return undefined;
      const words = splitWords(answer.text) ?? [];
      draft.command = words.length === 0 ? undefined : words;
      return undefined;
    },
  };
}

/** What was chosen; each leads back to its step. */
function summaryItems(draft: Draft): PickItem[] {
  const item = (step: string, icon: string, chosen: string): PickItem => ({
    label: step,
    description: chosen,
    iconPath: new vscode.ThemeIcon(icon),
    run: () => ({ goTo: step }),
  });
  const none = l10n.t("none");
  const variables = [...draft.envFiles, ...draft.env.keys(), ...draft.secrets.keys()];
  const standard = defaultResources(draft);
  const resources = resourcesText(draft.cpus ?? standard.cpus, draft.memoryMiB ?? standard.memoryMiB);
  const isDefault = draft.cpus === undefined && draft.memoryMiB === undefined;
  return [
    item(l10n.t("Name"), "tag", draft.vmName || l10n.t("generated")),
    item(l10n.t("Network"), "type-hierarchy-sub", chosenNetwork(draft)),
    item(l10n.t("Ports"), "plug", draft.ports.map(publishLabel).join(", ") || none),
    item(
      l10n.t("Volumes"),
      "database",
      draft.volumes.map((volume) => `${volumeSource(volume, draft)} → ${volume.target}`).join(", ") || none,
    ),
    item(l10n.t("Environment"), "symbol-variable", variables.join(", ") || none),
    item(l10n.t("Resources"), "chip", isDefault ? l10n.t("{0} (default)", resources) : resources),
  ];
}

/** Where there are several folders: the one that the configuration is of. */
function folderItems(draft: Draft): PickItem[] {
  const { folder } = draft;
  if (folder === undefined || localFolders().length < 2) return [];
  return [
    {
      label: l10n.t("Workspace folder"),
      description: folder.name,
      iconPath: new vscode.ThemeIcon("root-folder"),
      run: async () => {
        const chosen = await vscode.window.showWorkspaceFolderPick();
        if (chosen?.uri.scheme === "file") draft.folder = chosen;
        return undefined;
      },
    },
  ];
}
