import * as vscode from "vscode";
import type { Model } from "../engine/model.ts";
import { sortedImages } from "../engine/store.ts";
import { debuggers, type Language } from "./language.ts";

const key = (language: Language) => `mocker.debug.image:${language}`;

/**
 * Asks for the image in which programs of a language are debugged; the one of last time is first. Undefined
 * if the user went away. Throws MockerError.
 */
export async function chooseImage(
  model: Model,
  memento: vscode.Memento,
  language: Language,
): Promise<string | undefined> {
  const last = memento.get<string>(key(language));
  const stored = sortedImages(await model.whenLoaded()).flatMap(({ repoTags }) => repoTags);
  const names = new Set([...(last === undefined ? [] : [last]), ...stored, ...debuggers[language].images]);
  const other = vscode.l10n.t("Another image…");
  const picked = await vscode.window.showQuickPick(
    [
      ...[...names].map((label) => ({
        label,
        description: stored.includes(label) ? "" : vscode.l10n.t("is pulled first"),
      })),
      { label: other, description: "" },
    ],
    {
      title: vscode.l10n.t("Debug in a microVM"),
      placeHolder: vscode.l10n.t("Which image has the debugger?"),
    },
  );
  const image =
    picked?.label === other
      ? await vscode.window.showInputBox({
          title: vscode.l10n.t("Debug in a microVM"),
          prompt: vscode.l10n.t("Image, such as {0}", debuggers[language].images[0] ?? ""),
          ignoreFocusOut: true,
        })
      : picked?.label;
  if (image) await memento.update(key(language), image);
  return image || undefined;
}
