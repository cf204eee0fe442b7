import * as vscode from "vscode";
import { formatBytes } from "./format.ts";
import { imageLabel, imageName } from "./image-item.ts";
import type { Model } from "./model.ts";
import { pullInQuickPick } from "./pull-step.ts";
import type { Pulls } from "./pulls.ts";
import { type PickItem, pickStep, type Step, separator } from "./quick-input.ts";
import { sortedImages } from "./store.ts";
import type { Draft } from "./wizard-draft.ts";

/** An image that is here, or one to pull: what is typed. */
export function imageStep(draft: Draft, model: Model, pulls: Pulls): Step {
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
        if (typed === "" || known || /\s/.test(typed)) return local;
        const pull: PickItem = {
          label: vscode.l10n.t("Pull {0}", typed),
          iconPath: new vscode.ThemeIcon("cloud-download"),
          alwaysShow: true,
          run: async () => {
            const pulled = await pullInQuickPick(place.title, typed, pulls);
            if (pulled === undefined) return undefined;
            draft.image = nameOf(typed, pulled.reference);
            return "next";
          },
        };
        return local.length === 0 ? [pull] : [...local, separator(vscode.l10n.t("Registry")), pull];
      },
    });
}

/** What was typed, unless that names a file or another store (`docker-archive:FILE`), from which an image came. */
function nameOf(typed: string, pulled: string): string {
  return pulled.includes(typed) ? typed : pulled.replace(/^docker\.io\/(library\/)?/, "");
}
