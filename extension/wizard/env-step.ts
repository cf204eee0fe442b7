import * as vscode from "vscode";
import { imageInspect } from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import { portablePath } from "../run-configurations/run-plan.ts";
import { planContext } from "../workspace.ts";
import type { Draft } from "./draft.ts";
import {
  askText,
  chooseAction,
  type ItemAction,
  type PickItem,
  pickStep,
  type Step,
  type StepPlace,
  separator,
} from "./quick-input.ts";

const { l10n } = vscode;

const remove: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon("trash"),
  tooltip: l10n.t("Remove"),
};

export function envStep(draft: Draft, connection: Connection): Step {
  return async (place) => {
    const image = await connection.request(imageInspect, { image: draft.image }).catch(() => undefined);
    return pickStep(place, {
      placeholder: l10n.t("Environment variables"),
      matchOnDescription: true,
      items: () => {
        const own = ownItems(draft, place);
        const fromImage = (image?.config.env ?? []).map((pair): PickItem => {
          const [key, value] = splitPair(pair);
          return {
            label: key,
            description: draft.env.has(key) ? `${value} (${l10n.t("replaced")})` : value,
            iconPath: new vscode.ThemeIcon("package"),
            run: () => askVariable(draft, place, key, draft.env.get(key) ?? value),
          };
        });
        return [
          {
            label: own.length === 0 ? l10n.t("Continue without variables") : l10n.t("Continue"),
            iconPath: new vscode.ThemeIcon("arrow-right"),
            run: () => "next",
          },
          ...(own.length > 0 ? [separator(l10n.t("Environment")), ...own] : []),
          separator(l10n.t("Add")),
          {
            label: l10n.t("Variable…"),
            iconPath: new vscode.ThemeIcon("symbol-variable"),
            run: () => askVariable(draft, place),
          },
          {
            label: l10n.t(".env file…"),
            iconPath: new vscode.ThemeIcon("file"),
            run: () => addEnvFile(draft, place),
          },
          {
            label: l10n.t("Secret…"),
            description: l10n.t("in no file, inspection or log of Mocker"),
            iconPath: new vscode.ThemeIcon("key"),
            run: () => askSecret(draft, place),
          },
          ...(fromImage.length > 0 ? [separator(l10n.t("From the image")), ...fromImage] : []),
        ] satisfies PickItem[];
      },
    });
  };
}

function ownItems(draft: Draft, place: StepPlace): PickItem[] {
  const item = (
    label: string,
    icon: string,
    description: string | undefined,
    discard: () => void,
    change?: ItemAction,
  ): PickItem => ({
    label,
    ...(description === undefined ? {} : { description }),
    iconPath: new vscode.ThemeIcon(icon),
    buttons: [remove],
    press: discard,
    run: () =>
      chooseAction(place, label, [
        ...(change === undefined ? [] : [change]),
        { label: l10n.t("Remove"), icon: "trash", run: discard },
      ]),
  });
  return [
    ...draft.envFiles.map((file) =>
      item(file, "file", undefined, () => {
        draft.envFiles.splice(draft.envFiles.indexOf(file), 1);
      }),
    ),
    ...[...draft.env].map(([key, value]) =>
      item(key, "symbol-variable", value, () => draft.env.delete(key), {
        label: l10n.t("Change…"),
        icon: "edit",
        run: () => askVariable(draft, place, key, value),
      }),
    ),
    ...[...draft.secrets.keys()].map((key) =>
      item(key, "key", "••••••", () => draft.secrets.delete(key), {
        label: l10n.t("Change…"),
        icon: "edit",
        run: () => askSecret(draft, place, key),
      }),
    ),
  ];
}

function splitPair(pair: string): [key: string, value: string] {
  const equals = pair.indexOf("=");
  return equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
}

async function askVariable(draft: Draft, place: StepPlace, key?: string, value?: string): Promise<undefined> {
  const answer = await askText(
    { ...place, title: l10n.t("Environment Variable") },
    {
      prompt: l10n.t("Variable and value"),
      placeholder: l10n.t("NAME=value"),
      value: key === undefined ? "" : `${key}=${value ?? ""}`,
      validate: (text) => (/^[^=\s]+=/.test(text) ? undefined : l10n.t("Write NAME=value")),
    },
  );
  if (typeof answer !== "object") return;
  const [newKey, newValue] = splitPair(answer.text);
  if (key !== undefined && key !== newKey) draft.env.delete(key);
  draft.env.set(newKey, newValue);
}

async function askSecret(draft: Draft, place: StepPlace, key?: string): Promise<undefined> {
  const where = { ...place, title: l10n.t("Secret Environment Variable") };
  const name =
    key ??
    (await (async () => {
      const answer = await askText(where, {
        prompt: l10n.t("Name of the variable"),
        placeholder: "TOKEN",
        validate: (text) => (/^[^=\s]+$/.test(text) ? undefined : l10n.t("A name without spaces and =")),
      });
      return typeof answer === "object" ? answer.text : undefined;
    })());
  if (name === undefined) return;
  const value = await askText(where, { prompt: l10n.t("Value of {0}", name), password: true });
  if (typeof value === "object") draft.secrets.set(name, value.text);
}

const maxEnvFiles = 50;

async function addEnvFile(draft: Draft, place: StepPlace): Promise<undefined> {
  const context = planContext(draft.folder);
  const found = await vscode.workspace.findFiles("**/{.env,.env.*,*.env}", "**/node_modules/**", maxEnvFiles);
  const add = (uri: vscode.Uri): "next" => {
    const file = portablePath(uri.fsPath, context);
    if (!draft.envFiles.includes(file)) draft.envFiles.push(file);
    return "next";
  };
  await pickStep(
    { ...place, title: l10n.t("Add .env File") },
    {
      placeholder: l10n.t("A file of NAME=value lines"),
      items: () => [
        ...found
          .sort((a, b) => a.fsPath.length - b.fsPath.length)
          .map(
            (uri): PickItem => ({
              label: vscode.workspace.asRelativePath(uri),
              iconPath: new vscode.ThemeIcon("file"),
              run: () => add(uri),
            }),
          ),
        {
          label: l10n.t("Other file…"),
          iconPath: new vscode.ThemeIcon("folder-opened"),
          run: async () => {
            const { folder } = draft;
            const [uri] =
              (await vscode.window.showOpenDialog({
                title: l10n.t("File of environment variables"),
                ...(folder === undefined ? {} : { defaultUri: folder.uri }),
              })) ?? [];
            return uri === undefined ? "cancel" : add(uri);
          },
        },
      ],
    },
  );
}
