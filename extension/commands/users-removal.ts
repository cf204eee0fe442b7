import * as vscode from "vscode";

const { l10n } = vscode;

/** In a question whether to remove what VMs, by their names, are in the way of. */
export function usersWarning(users: readonly string[]): string[] {
  if (users.length === 0) return [];
  return [
    users.length === 1
      ? l10n.t("Used by {0}: this VM is removed too, with its disk.", users.join(", "))
      : l10n.t("Used by {0}: these VMs are removed too, with their disks.", users.join(", ")),
  ];
}

/** The button that answers it. */
export function removeButton(users: readonly string[]): string {
  if (users.length === 0) return l10n.t("Remove");
  return users.length === 1 ? l10n.t("Remove VM Too") : l10n.t("Remove VMs Too");
}
