import * as vscode from "vscode";
import type { VmSummary } from "../../engine/protocol/index.ts";
import type { CommandHandler, Services } from "../services.ts";
import type { VmArrangement } from "../views/vms/vm-arrangement.ts";

const { l10n } = vscode;

/** How the views of VMs and of images are arranged. */
export function arrangeCommands({ model, vmArrangement, imageFilter }: Services) {
  const change = (part: Partial<VmArrangement>) => vmArrangement.set({ ...vmArrangement.value, ...part });

  return {
    async groupVms() {
      const chosen = await askGrouping(vmArrangement.value, [...model.snapshot.vms.values()]);
      if (chosen !== undefined) await change(chosen);
    },

    async sortVms() {
      const picked = await pick(
        l10n.t("Sort VMs"),
        [
          { label: l10n.t("By creation, the newest first"), value: "created" as const },
          { label: l10n.t("By name"), value: "name" as const },
          { label: l10n.t("By state, as it is when the view opens"), value: "state" as const },
        ],
        (value) => value === vmArrangement.value.sortBy,
      );
      if (picked !== undefined) await change({ sortBy: picked });
    },

    async filterVms() {
      const filter = await askFilter(
        l10n.t("Show the VMs whose name, image, labels or networks have these words"),
        vmArrangement.value.filter,
      );
      if (filter !== undefined) await change({ filter });
    },

    clearVmFilter: () => change({ filter: "" }),

    async filterImages() {
      const filter = await askFilter(
        l10n.t("Show the images whose names have these words"),
        imageFilter.value,
      );
      if (filter !== undefined) await imageFilter.set(filter);
    },

    clearImageFilter: () => imageFilter.set(""),
  } satisfies Record<string, CommandHandler>;
}

/** Undefined if the user went away; "" for all. */
async function askFilter(prompt: string, value: string): Promise<string | undefined> {
  const text = await vscode.window.showInputBox({
    title: l10n.t("Filter"),
    prompt: l10n.t("{0}; empty for all", prompt),
    value,
  });
  return text?.trim();
}

async function askGrouping(
  { groupBy, label }: VmArrangement,
  vms: readonly VmSummary[],
): Promise<Partial<VmArrangement> | undefined> {
  const keys = [...new Set(vms.flatMap(({ labels }) => Object.keys(labels)))].sort();
  type Choice = Pick<VmArrangement, "groupBy" | "label">;
  const choices: { label: string; value: Choice }[] = [
    { label: l10n.t("Not at all"), value: { groupBy: "none", label } },
    { label: l10n.t("By Compose project"), value: { groupBy: "project", label } },
    { label: l10n.t("By repository of the image"), value: { groupBy: "repository", label } },
    ...keys.map((key) => ({
      label: l10n.t("By the label {0}", key),
      value: { groupBy: "label" as const, label: key },
    })),
  ];
  return await pick(
    l10n.t("Group VMs"),
    choices,
    (value) => value.groupBy === groupBy && (groupBy !== "label" || value.label === label),
  );
}

/** The choice of now has a mark, in words for those who hear. */
async function pick<T>(
  title: string,
  choices: readonly { label: string; value: T }[],
  isNow: (value: T) => boolean,
): Promise<T | undefined> {
  const items = choices.map(({ label, value }) => ({
    label,
    description: isNow(value) ? l10n.t("now") : "",
    iconPath: new vscode.ThemeIcon(isNow(value) ? "check" : "blank"),
    value,
  }));
  return (await vscode.window.showQuickPick(items, { title }))?.value;
}
