import * as vscode from "vscode";
import { imageInspect } from "../../engine/protocol/index.ts";
import { showError } from "../engine/errors.ts";
import { saveConfiguration } from "../run-configurations/run-configuration-file.ts";
import { commandLine, quote, splitWords } from "../run-configurations/run-plan.ts";
import { planContext, runDefaults, workspaceFolder } from "../workspace.ts";
import { configurationOf, type Draft, emptyDraft } from "./draft.ts";
import { envStep } from "./env-step.ts";
import { imageStep } from "./image-step.ts";
import { nameStep } from "./name-step.ts";
import { networkStep } from "./network-step.ts";
import { portsStep } from "./ports-step.ts";
import { askText, type PickItem, pickStep, runSteps, type Step, separator } from "./quick-input.ts";
import { resourcesStep } from "./resources-step.ts";
import { volumesStep } from "./volumes-step.ts";
import type { WizardServices } from "./wizard-services.ts";

const { l10n } = vscode;

/** From an image to a running VM, a saved run configuration or a command line. `image`: that step is done. */
export async function runWizard(services: WizardServices, image?: string): Promise<void> {
  const draft = emptyDraft(image);
  let finish: (() => Promise<void>) | undefined;
  const finished = await runSteps(l10n.t("Run a VM"), [
    ...(image === undefined ? [imageStep(draft, services)] : []),
    nameStep(draft, services.model),
    networkStep(draft, services),
    portsStep(draft, services),
    volumesStep(draft, services.model),
    envStep(draft, services.connection),
    resourcesStep(draft),
    finishStep(draft, services, (chosen) => {
      finish = chosen;
    }),
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
  const run = async (): Promise<void> => {
    const secretValues = Object.fromEntries(draft.secrets);
    await runner.run(configurationOf(draft, draft.vmName || draft.image), secretValues);
  };
  const save = async (name: string): Promise<void> => {
    for (const [key, value] of draft.secrets) await secrets.store(name, key, value);
    await configurations.edit((text) => saveConfiguration(text, configurationOf(draft, name)));
  };
  return async (place) => {
    const image = await connection.request(imageInspect, { image: draft.image }).catch(() => undefined);
    const end = (finish: () => Promise<void>) => {
      choose(finish);
      return "next" as const;
    };
    const saveAnd = (next: (name: string) => Promise<void>) => async () => {
      const name = await askText(place, {
        prompt: l10n.t("Name of the run configuration"),
        value: draft.vmName || draft.image.replace(/.*\/|[:@].*/g, ""),
        validate: (text) => (text.trim() === "" ? l10n.t("Type a name") : undefined),
      });
      if (typeof name !== "object") return undefined;
      return end(async () => {
        await save(name.text.trim());
        await next(name.text.trim());
      });
    };
    const canSave = workspaceFolder() !== undefined;
    return pickStep(place, {
      placeholder: l10n.t("Run {0}", draft.image),
      active: l10n.t("Run"),
      items: () => {
        const command = draft.command ?? image?.config.cmd ?? [];
        return [
          {
            label: l10n.t("Run"),
            description: draft.image,
            iconPath: new vscode.ThemeIcon("play"),
            run: () => end(run),
          },
          ...(canSave
            ? [
                {
                  label: l10n.t("Save and Run"),
                  iconPath: new vscode.ThemeIcon("save-all"),
                  run: saveAnd(() => run()),
                },
                {
                  label: l10n.t("Save as Run Configuration"),
                  description: ".vscode/mocker.json",
                  iconPath: new vscode.ThemeIcon("save"),
                  run: saveAnd((name) => configurations.show(name)),
                },
              ]
            : []),
          {
            label: l10n.t("Copy as mocker Command"),
            iconPath: new vscode.ThemeIcon("copy"),
            run: () =>
              end(async () => {
                const text = commandLine(configurationOf(draft, "run"), planContext(), runDefaults());
                await vscode.env.clipboard.writeText(text);
                vscode.window.setStatusBarMessage(l10n.t("$(check) Copied: {0}", text), 5000);
              }),
          },
          separator(l10n.t("Change")),
          {
            label: l10n.t("Command…"),
            description: command.map(quote).join(" "),
            iconPath: new vscode.ThemeIcon("terminal"),
            run: async () => {
              const answer = await askText(place, {
                prompt: l10n.t("Command and its arguments; empty for the image's own"),
                value: command.map(quote).join(" "),
                validate: (text) =>
                  splitWords(text) === undefined ? l10n.t("A quote is not closed") : undefined,
              });
              if (typeof answer !== "object") return undefined;
              const words = splitWords(answer.text) ?? [];
              draft.command = words.length === 0 ? undefined : words;
              return undefined;
            },
          },
        ] satisfies PickItem[];
      },
    });
  };
}
