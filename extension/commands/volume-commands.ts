import * as vscode from "vscode";
import { systemUsage, type VolumeSummary, vmRemove, volumeRemove } from "../../engine/protocol/index.ts";
import { hasVolume, volumeUsers } from "../engine/store.ts";
import type { CommandHandler, Services } from "../services.ts";
import { setting } from "../settings.ts";
import { formatBytes } from "../views/format.ts";
import { chooseVolumes } from "../views/selection.ts";
import { volumeLabel } from "../views/volume-item.ts";
import { createVolume } from "./create-volume.ts";
import { removeButton, usersWarning } from "./users-removal.ts";
import { each, listed } from "./vm-commands.ts";

const { l10n } = vscode;

export function volumeCommands(services: Services) {
  const { connection, documents, model } = services;

  /** With the VMs that have them: one that is in use cannot be removed. */
  const remove = async (volumes: readonly VolumeSummary[]): Promise<void> => {
    const vms = [...model.snapshot.vms.values()].filter((vm) =>
      volumes.some(({ name }) => hasVolume(vm, name)),
    );
    await each(services, vms, (vm) => connection.request(vmRemove, { vm: vm.id, force: true }));
    await each(services, volumes, ({ name }) => connection.request(volumeRemove, { name }));
  };

  return {
    async createVolume() {
      await createVolume(connection, await model.whenLoaded());
    },

    async inspectVolume(item, items) {
      for (const volume of await chooseVolumes(services, item, items, l10n.t("Inspect which volume?"))) {
        await documents.show("volume", volume.name, volumeLabel(volume));
      }
    },

    async removeVolume(item, items) {
      const volumes = await chooseVolumes(services, item, items, l10n.t("Remove which volume?"));
      const users = [...new Set(volumes.flatMap(({ name }) => volumeUsers(model.snapshot, name)))];
      if (volumes.length > 0 && (await confirmRemoval(volumes, users))) await remove(volumes);
    },

    async pruneVolumes() {
      // Not the model's: what was made a moment ago is to be there.
      const usage = await connection.request0(systemUsage);
      const unused = usage.volumes.filter(
        ({ volume: { broken, users } }) => broken === undefined && users.length === 0,
      );
      if (unused.length === 0) {
        vscode.window.showInformationMessage(l10n.t("Every volume is used by a VM."));
        return;
      }
      const total = unused.reduce((sum, { diskBytes }) => sum + diskBytes, 0);
      const picked = await vscode.window.showQuickPick(
        unused.map(({ volume, diskBytes }) => ({
          label: volumeLabel(volume),
          description: [formatBytes(diskBytes), volume.anonymous ? l10n.t("anonymous") : ""]
            .filter((part) => part !== "")
            .join(" · "),
          // As `volume prune` does: what has a name is somebody's.
          picked: volume.anonymous,
          volume,
        })),
        {
          canPickMany: true,
          title: l10n.t("Prune Volumes: {0} that no VM uses", formatBytes(total)),
          placeHolder: l10n.t("Enter removes the chosen ones, with their data"),
        },
      );
      const chosen = picked?.map(({ volume }) => volume) ?? [];
      await each(services, chosen, ({ name }) => connection.request(volumeRemove, { name }));
    },

    async copyVolumeName(item, items) {
      const volumes = await chooseVolumes(services, item, items, l10n.t("Copy the name of which volume?"));
      if (volumes.length > 0)
        await vscode.env.clipboard.writeText(volumes.map(({ name }) => name).join("\n"));
    },
  } satisfies Record<string, CommandHandler>;
}

async function confirmRemoval(volumes: readonly VolumeSummary[], users: readonly string[]): Promise<boolean> {
  if (!setting("confirmRemove") && users.length === 0) return true;
  const [first] = volumes;
  const question =
    volumes.length === 1 && first !== undefined
      ? l10n.t("Remove the volume {0}?", volumeLabel(first))
      : l10n.t("Remove {0} volumes?", volumes.length);
  const detail = [
    ...(volumes.length > 1 ? [listed(volumes.map(volumeLabel))] : []),
    ...usersWarning(users),
    consequence(volumes),
  ].join("\n\n");
  const button = removeButton(users);
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, button)) === button;
}

/** A volume that is a name for a directory of the host leaves that directory alone. */
function consequence(volumes: readonly VolumeSummary[]): string {
  const [first] = volumes;
  if (volumes.length > 1) return l10n.t("Their data is deleted.");
  const device = first?.options.type === "block" ? undefined : first?.options.device;
  return device === undefined ? l10n.t("Its data is deleted.") : l10n.t("The folder {0} stays.", device);
}
