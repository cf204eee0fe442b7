import * as vscode from "vscode";
import { askVolumeName } from "../commands/create-volume.ts";
import type { Model } from "../engine/model.ts";
import { volumeUsers } from "../engine/store.ts";
import type { RunVolume } from "../run-configurations/run-configuration.ts";
import { portablePath, resolvePath, suggestTarget } from "../run-configurations/run-plan.ts";
import { usersText } from "../views/volume-item.ts";
import { localFolders, planContext } from "../workspace.ts";
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

/** Folders of the host, and volumes: existing ones, new ones, anonymous ones. */
export function volumesStep(draft: Draft, model: Model): Step {
  return (place) =>
    pickStep(place, {
      placeholder: l10n.t("Folders and volumes in the VM"),
      matchOnDescription: true,
      items: async () => {
        const snapshot = await model.whenLoaded().catch(() => model.snapshot);
        const context = planContext(draft.folder);
        const { folder } = draft;
        const shared = draft.volumes.map((volume) => volumeItem(draft, volume, place));
        const sharedPaths = draft.volumes.flatMap(({ type, source = "" }) =>
          type === "volume" ? [] : resolvePath(source, context),
        );
        const unshared = localFolders().filter(({ uri }) => !sharedPaths.includes(uri.fsPath));
        const existing = [...snapshot.volumes.values()]
          .filter(({ anonymous, broken }) => !anonymous && broken === undefined)
          .map(
            ({ name }): PickItem => ({
              label: name,
              description: usersText(volumeUsers(snapshot, name)),
              iconPath: new vscode.ThemeIcon("database"),
              run: () => addVolume(draft, name, place),
            }),
          );
        return [
          {
            label: draft.volumes.length === 0 ? l10n.t("Continue without volumes") : l10n.t("Continue"),
            iconPath: new vscode.ThemeIcon("arrow-right"),
            run: () => "next",
          },
          ...(shared.length > 0 ? [separator(l10n.t("Volumes")), ...shared] : []),
          separator(l10n.t("Add")),
          ...unshared.map(
            ({ name, uri }): PickItem => ({
              label: l10n.t("Workspace folder {0}", name),
              iconPath: new vscode.ThemeIcon("root-folder"),
              run: () => addFolder(draft, uri.fsPath, place),
            }),
          ),
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
              return chosen === undefined ? undefined : addFolder(draft, chosen.fsPath, place);
            },
          },
          {
            label: l10n.t("New Volume…"),
            description: l10n.t("keeps its data when the VM is removed"),
            iconPath: new vscode.ThemeIcon("add"),
            run: async () => {
              const name = await askVolumeName({ ...place, title: l10n.t("New Volume") }, snapshot);
              return name === undefined ? undefined : addVolume(draft, name, place);
            },
          },
          {
            label: l10n.t("Anonymous Volume…"),
            description: l10n.t("a name is made up"),
            iconPath: new vscode.ThemeIcon("database"),
            run: () => addVolume(draft, undefined, place),
          },
          ...(existing.length > 0 ? [separator(l10n.t("Volumes of this machine")), ...existing] : []),
        ] satisfies PickItem[];
      },
    });
}

/** A workspace folder by its name: nobody thinks of it as a variable. */
export function volumeSource({ source }: RunVolume, draft: Draft): string {
  if (source === undefined) return l10n.t("anonymous volume");
  const { folder } = draft;
  return folder !== undefined && source === `\${workspaceFolder}`
    ? l10n.t("{0} (workspace)", folder.name)
    : source;
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
    label: volumeSource(volume, draft),
    description: `→ ${volume.target}${readOnly ? ` (${l10n.t("read-only")})` : ""}`,
    iconPath: new vscode.ThemeIcon(readOnly ? "lock" : volume.type === "volume" ? "database" : "folder"),
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

async function addFolder(draft: Draft, path: string, place: StepPlace): Promise<undefined> {
  const context = planContext(draft.folder);
  const taken = draft.volumes.map((volume) => volume.target);
  const suggested = suggestTarget(
    path,
    taken,
    localFolders().some(({ uri }) => uri.fsPath === path),
  );
  const target = await askTarget(place, suggested);
  if (target !== undefined) draft.volumes.push({ source: portablePath(path, context), target });
  return undefined;
}

/** `name`: undefined for an anonymous one. */
async function addVolume(draft: Draft, name: string | undefined, place: StepPlace): Promise<undefined> {
  const taken = draft.volumes.map((volume) => volume.target);
  const target = await askTarget(place, suggestTarget(name ?? "data", taken, false));
  if (target === undefined) return undefined;
  draft.volumes.push({ type: "volume", ...(name === undefined ? {} : { source: name }), target });
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
