import * as vscode from "vscode";
import type { RunVolume } from "../run-configurations/run-configuration.ts";
import { portablePath, resolvePath, suggestTarget } from "../run-configurations/run-plan.ts";
import { planContext, workspaceFolder } from "../workspace.ts";
import type { Draft } from "./draft.ts";
import {
  askText,
  chooseAction,
  type PickItem,
  pickStep,
  type Step,
  type StepPlace,
  separator,
} from "./quick-input.ts";

const { l10n } = vscode;

export function volumesStep(draft: Draft): Step {
  return (place) =>
    pickStep(place, {
      placeholder: l10n.t("Share folders with the VM"),
      matchOnDescription: true,
      items: () => {
        const context = planContext();
        const folder = workspaceFolder();
        const shared = draft.volumes.map((volume) => volumeItem(draft, volume, place));
        const sharesWorkspace = draft.volumes.some(
          ({ source = "" }) => resolvePath(source, context) === context.workspaceFolder,
        );
        return [
          {
            label: draft.volumes.length === 0 ? l10n.t("Continue without volumes") : l10n.t("Continue"),
            iconPath: new vscode.ThemeIcon("arrow-right"),
            run: () => "next",
          },
          ...(shared.length > 0 ? [separator(l10n.t("Volumes")), ...shared] : []),
          separator(l10n.t("Add")),
          ...(folder !== undefined && !sharesWorkspace
            ? [
                {
                  label: l10n.t("Workspace folder {0}", folder.name),
                  iconPath: new vscode.ThemeIcon("root-folder"),
                  run: () => addVolume(draft, folder.uri.fsPath, place),
                } satisfies PickItem,
              ]
            : []),
          {
            label: l10n.t("Folder…"),
            iconPath: new vscode.ThemeIcon("folder-opened"),
            run: async () => {
              const [chosen] =
                (await vscode.window.showOpenDialog({
                  canSelectFolders: true,
                  canSelectFiles: false,
                  openLabel: l10n.t("Share"),
                  title: l10n.t("Folder to share with the VM"),
                  ...(folder === undefined ? {} : { defaultUri: folder.uri }),
                })) ?? [];
              return chosen === undefined ? undefined : addVolume(draft, chosen.fsPath, place);
            },
          },
        ] satisfies PickItem[];
      },
    });
}

function volumeItem(draft: Draft, volume: RunVolume, place: StepPlace): PickItem {
  const readOnly = volume.readOnly ?? false;
  const toggle: vscode.QuickInputButton = {
    iconPath: new vscode.ThemeIcon(readOnly ? "unlock" : "lock"),
    tooltip: readOnly ? l10n.t("Allow Writing") : l10n.t("Make Read-Only"),
  };
  const remove: vscode.QuickInputButton = {
    iconPath: new vscode.ThemeIcon("trash"),
    tooltip: l10n.t("Remove"),
  };
  const discard = (): void => {
    draft.volumes.splice(draft.volumes.indexOf(volume), 1);
  };
  const switchWriting = (): void => {
    volume.readOnly = !readOnly;
  };
  return {
    label: volume.source ?? volume.target,
    description: `→ ${volume.target}${readOnly ? ` (${l10n.t("read-only")})` : ""}`,
    iconPath: new vscode.ThemeIcon(readOnly ? "lock" : "folder"),
    buttons: [toggle, remove],
    press: (button) => (button === remove ? discard() : switchWriting()),
    run: () =>
      chooseAction(place, volume.target, [
        {
          label: l10n.t("Change Folder in the VM…"),
          icon: "edit",
          run: async () => {
            volume.target = (await askTarget(place, volume.target)) ?? volume.target;
          },
        },
        {
          label: readOnly ? l10n.t("Allow Writing") : l10n.t("Make Read-Only"),
          icon: readOnly ? "unlock" : "lock",
          run: switchWriting,
        },
        { label: l10n.t("Remove"), icon: "trash", run: discard },
      ]),
  };
}

async function addVolume(draft: Draft, path: string, place: StepPlace): Promise<undefined> {
  const context = planContext();
  const taken = draft.volumes.map((volume) => volume.target);
  const suggested = suggestTarget(path, taken, path === context.workspaceFolder);
  const target = await askTarget(place, suggested);
  if (target !== undefined) draft.volumes.push({ source: portablePath(path, context), target });
  return undefined;
}

async function askTarget(place: StepPlace, value: string): Promise<string | undefined> {
  const answer = await askText(
    { ...place, title: l10n.t("Folder in the VM") },
    {
      prompt: l10n.t("Where the folder appears in the VM"),
      value,
      validate: (text) =>
        /^\/+[^/]/.test(text) && !text.includes("\0")
          ? undefined
          : l10n.t("An absolute path, other than / itself"),
    },
  );
  return typeof answer === "object" ? answer.text : undefined;
}
