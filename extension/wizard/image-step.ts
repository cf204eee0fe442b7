import * as vscode from "vscode";
import { pullInQuickPick } from "../commands/pull-step.ts";
import { sortedImages } from "../engine/store.ts";
import { formatBytes } from "../views/format.ts";
import { imageLabel, imageName } from "../views/image-item.ts";
import type { Draft } from "./draft.ts";
import { type PickItem, pickStep, type Step, separator } from "./quick-input.ts";
import type { WizardServices } from "./wizard-services.ts";

/** For a machine without images: nobody should have to know the name of one. */
function suggestions(): { reference: string; description: string }[] {
  return [
    { reference: "hello", description: vscode.l10n.t("comes with Mocker, needs no network") },
    { reference: "alpine", description: vscode.l10n.t("a small Linux with a shell") },
    { reference: "debian", description: vscode.l10n.t("a complete Linux") },
  ];
}

/** An image that is here, or one to pull: what is typed. */
export function imageStep(draft: Draft, { model, pulls, log }: WizardServices): Step {
  return (place) =>
    pickStep(place, {
      placeholder: vscode.l10n.t("Choose an image, or type a reference to pull"),
      dynamic: true,
      active: draft.image,
      items: async (value) => {
        const { snapshot } = { snapshot: await model.whenLoaded().catch(() => model.snapshot) };
        const typed = value.trim();
        const local = sortedImages(snapshot).map(
          (image): PickItem => ({
            label: imageLabel(image),
            description: formatBytes(image.sizeBytes),
            iconPath: new vscode.ThemeIcon("package"),
            run: () => {
              draft.image = imageName(image);
              return "next";
            },
          }),
        );
        const known = snapshot.images.size > 0 && local.some((item) => item.label === typed);
        const pullItem = (reference: string, more: Partial<PickItem>): PickItem => ({
          label: vscode.l10n.t("Pull {0}", reference),
          iconPath: new vscode.ThemeIcon("cloud-download"),
          ...more,
          run: async () => {
            const pulled = await pullInQuickPick(place.title, reference, pulls, log);
            if (pulled === undefined) return undefined;
            draft.image = nameOf(reference, pulled.reference);
            return "next";
          },
        });
        if (typed === "" && local.length === 0) {
          return [
            separator(vscode.l10n.t("To begin with")),
            ...suggestions().map(({ reference, description }) => pullItem(reference, { description })),
          ];
        }
        if (typed === "" || known || /\s/.test(typed)) return local;
        const pull = pullItem(typed, { alwaysShow: true });
        return local.length === 0 ? [pull] : [...local, separator(vscode.l10n.t("Registry")), pull];
      },
    });
}

/**
 * What was typed, unless that names a file or another store (`docker-archive:FILE`), from which an image
 * came.
 */
function nameOf(typed: string, pulled: string): string {
  return pulled.includes(typed) ? typed : pulled.replace(/^docker\.io\/(library\/)?/, "");
}
