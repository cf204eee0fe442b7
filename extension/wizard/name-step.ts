import * as vscode from "vscode";
import type { Model } from "../engine/model.ts";
import type { Draft } from "./draft.ts";
import { askText, type Step } from "./quick-input.ts";

export function nameStep(draft: Draft, model: Model): Step {
  return async (place) => {
    const answer = await askText(place, {
      prompt: vscode.l10n.t("Name of the VM"),
      placeholder: vscode.l10n.t("Leave empty for a generated one"),
      value: draft.vmName,
      validate: (value) => {
        if (value === "") return undefined;
        if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(value)) {
          return vscode.l10n.t("At least two letters, digits, dots, dashes or underscores");
        }
        const taken = [...model.snapshot.vms.values()].some((vm) => vm.name === value);
        return taken ? vscode.l10n.t("There is a VM named {0}", value) : undefined;
      },
    });
    if (answer === undefined) return "cancel";
    if (answer === "back") return "back";
    draft.vmName = answer.text;
    return "next";
  };
}
