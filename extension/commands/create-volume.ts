import * as vscode from "vscode";
import { volumeCreate } from "../../engine/protocol/index.ts";
import type { Connection } from "../engine/connection.ts";
import type { Snapshot } from "../engine/store.ts";
import { isVolumeName } from "../run-configurations/run-configuration.ts";
import { askText, type StepPlace } from "../wizard/quick-input.ts";

const { l10n } = vscode;

/** A name that no volume has, or undefined if the user went away. */
export async function askVolumeName(
  place: StepPlace | undefined,
  { volumes }: Snapshot,
): Promise<string | undefined> {
  const answer = await askText(place, {
    prompt: l10n.t("Name of the volume"),
    placeholder: l10n.t("such as pgdata"),
    validate: (text) => {
      if (!isVolumeName(text)) return l10n.t("At least two letters, digits, dots, dashes or underscores");
      return volumes.has(text) ? l10n.t("There is a volume named {0}", text) : undefined;
    },
  });
  return typeof answer === "object" ? answer.text : undefined;
}

/** Throws MockerError. */
export async function createVolume(connection: Connection, snapshot: Snapshot): Promise<void> {
  const place = { title: l10n.t("Create Volume"), step: 1, totalSteps: 1 };
  const name = await askVolumeName(place, snapshot);
  if (name !== undefined) await connection.request(volumeCreate, { name });
}
