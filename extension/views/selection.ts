import * as vscode from "vscode";
import type { ImageSummary, VmSummary } from "../../engine/protocol/index.ts";
import { sortedImages, sortedVms } from "../engine/store.ts";
import type { Services } from "../services.ts";
import { formatBytes } from "./format.ts";
import { ImageItem, imageLabel } from "./image-item.ts";
import { RunConfigurationItem } from "./run-configuration-tree.ts";
import { VmItem, vmIcon, vmStatus } from "./vm-item.ts";

type ItemClass<T> = abstract new (...args: never[]) => T;

/**
 * Items that a menu, a keybinding or the API gave: all selected ones, the one clicked, or the view's
 * selection.
 */
function given<T>(
  type: ItemClass<T>,
  item: unknown,
  items: unknown,
  view: { selection: readonly unknown[] },
): T[] {
  const is = (value: unknown): value is T => value instanceof type;
  if (Array.isArray(items) && items.some(is)) {
    const selected = items.filter(is);
    if (item === undefined || selected.includes(item as T)) return selected;
  }
  if (is(item)) return [item];
  return item === keyboard ? view.selection.filter(is) : [];
}

/** Argument of keybindings: they work on what is selected in the view. */
export const keyboard = "selection";

/** The VMs that a command is for, as they are now; asks if none was given. */
export async function chooseVms(
  services: Services,
  item: unknown,
  items: unknown,
  placeholder: string,
  fits: (vm: VmSummary) => boolean,
): Promise<VmSummary[]> {
  const { model, vmView } = services;
  const chosen = given(VmItem, item, items, vmView).map((each) => model.vm(each.vm.id) ?? each.vm);
  if (chosen.length > 0 || item === keyboard) return chosen.filter(fits);
  const { vms } = await model.whenLoaded();
  if (typeof item === "string") return [...vms.values()].filter((vm) => vm.id === item || vm.name === item);
  const candidates = sortedVms(model.snapshot).filter(fits);
  if (candidates.length === 0) {
    vscode.window.showInformationMessage(vscode.l10n.t("There is no VM to choose."));
    return [];
  }
  const picked = await vscode.window.showQuickPick(
    candidates.map((vm) => ({
      label: vm.name,
      description: vm.image,
      detail: vmStatus(vm),
      iconPath: vmIcon(vm),
      vm,
    })),
    { placeHolder: placeholder, matchOnDescription: true },
  );
  return picked === undefined ? [] : [picked.vm];
}

export async function chooseImages(
  services: Services,
  item: unknown,
  items: unknown,
  placeholder: string,
): Promise<ImageSummary[]> {
  const { model, imageView } = services;
  const chosen = given(ImageItem, item, items, imageView).map(
    ({ image }) => model.snapshot.images.get(image.id) ?? image,
  );
  if (chosen.length > 0 || item === keyboard) return chosen;
  const snapshot = await model.whenLoaded();
  if (typeof item === "string") {
    return [...snapshot.images.values()].filter(
      (image) => image.id === item || image.repoTags.includes(item),
    );
  }
  const candidates = sortedImages(snapshot);
  if (candidates.length === 0) {
    vscode.window.showInformationMessage(vscode.l10n.t("There are no images."));
    return [];
  }
  const picked = await vscode.window.showQuickPick(
    candidates.map((image) => ({
      label: imageLabel(image),
      description: formatBytes(image.sizeBytes),
      iconPath: new vscode.ThemeIcon("package"),
      image,
    })),
    { placeHolder: placeholder },
  );
  return picked === undefined ? [] : [picked.image];
}

/** Names of run configurations. */
export async function chooseConfigurations(
  services: Services,
  item: unknown,
  items: unknown,
  placeholder: string,
): Promise<string[]> {
  const { configurations, configurationView } = services;
  const chosen = given(RunConfigurationItem, item, items, configurationView).map((each) => each.entry.name);
  if (chosen.length > 0 || item === keyboard) return chosen;
  if (typeof item === "string") return [item];
  const entries = (await configurations.entries()).filter((entry) => entry.configuration !== undefined);
  if (entries.length === 0) {
    const create = vscode.l10n.t("Create One…");
    const answer = await vscode.window.showInformationMessage(
      vscode.l10n.t("There are no run configurations in this workspace."),
      create,
    );
    if (answer === create) await vscode.commands.executeCommand("mocker.run");
    return [];
  }
  const picked = await vscode.window.showQuickPick(
    entries.map((entry) => ({ label: entry.name, description: entry.configuration?.image ?? "" })),
    { placeHolder: placeholder },
  );
  return picked === undefined ? [] : [picked.label];
}
