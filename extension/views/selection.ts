import * as vscode from "vscode";
import type { ImageSummary, NetworkDetails, VmSummary, VolumeSummary } from "../../engine/protocol/index.ts";
import { networkUsers, sortedImages, sortedVms, volumeUsers } from "../engine/store.ts";
import { tiedVms } from "../run-configurations/configuration-ties.ts";
import { type ConfigurationPlace, tieOf } from "../run-configurations/run-configurations.ts";
import type { Services } from "../services.ts";
import { localFolders } from "../workspace.ts";
import { formatBytes } from "./format.ts";
import { ImageItem, imageLabel } from "./image-item.ts";
import { isKeyPress } from "./key-press.ts";
import { NetworkItem } from "./network-item.ts";
import { RunConfigurationItem } from "./run-configuration-tree.ts";
import { EndpointItem } from "./vms/endpoint-item.ts";
import { MountItem } from "./vms/mount-item.ts";
import { PortItem, portReach } from "./vms/port-item.ts";
import { type PortRow, portLabel, portRows } from "./vms/port-row.ts";
import { VmGroupItem } from "./vms/vm-group-item.ts";
import { VmItem, vmIcon } from "./vms/vm-item.ts";
import { vmStatus } from "./vms/vm-state.ts";
import { usersText, VolumeItem, volumeLabel } from "./volume-item.ts";

type ItemClass<T> = abstract new (...args: never[]) => T;

/** Items that a menu, a keybinding or the API gave: all selected ones, or the one clicked. */
function given<T>(type: ItemClass<T>, item: unknown, items: unknown): T[] {
  const is = (value: unknown): value is T => value instanceof type;
  const selected = Array.isArray(items) ? items.filter(is) : [];
  if (item === undefined || isKeyPress(item)) return selected;
  if (!is(item)) return [];
  return selected.includes(item) ? selected : [item];
}

/** The VMs that a command is for, as they are now; asks if none was given. */
export async function chooseVms(
  services: Services,
  item: unknown,
  items: unknown,
  placeholder: string,
  fits: (vm: VmSummary) => boolean,
): Promise<VmSummary[]> {
  const { model, stops } = services;
  const rows = [
    ...given(VmItem, item, items),
    ...given(VmGroupItem, item, items).flatMap((group) => group.rows),
  ];
  const ofConfigurations = given(RunConfigurationItem, item, items).flatMap(({ entry }) =>
    tiedVms(model.snapshot.vms.values(), tieOf(entry)),
  );
  const byId = new Map(rows.map((row) => [row.vm.id, model.vm(row.vm.id) ?? row.vm]));
  const chosen = [...byId.values(), ...ofConfigurations];
  if (chosen.length > 0 || isKeyPress(item)) return chosen.filter(fits);
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
      detail: [
        vmStatus(vm, stops.endingOf(vm), vscode.env.language),
        ...portRows(vm.ports).map(portLabel),
      ].join(" · "),
      iconPath: vmIcon(vm, stops.endingOf(vm)),
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
  const { model } = services;
  const chosen = given(ImageItem, item, items).map(
    ({ image }) => model.snapshot.images.get(image.id) ?? image,
  );
  if (chosen.length > 0 || isKeyPress(item)) return chosen;
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

/** Volumes, or those that rows of a VM name. */
export async function chooseVolumes(
  services: Services,
  item: unknown,
  items: unknown,
  placeholder: string,
): Promise<VolumeSummary[]> {
  const { model } = services;
  const mounted = given(MountItem, item, items).flatMap(({ mount }) =>
    mount.type === "volume" ? (model.snapshot.volumes.get(mount.name ?? "") ?? []) : [],
  );
  const chosen = given(VolumeItem, item, items).map(
    ({ volume }) => model.snapshot.volumes.get(volume.name) ?? volume,
  );
  if (mounted.length > 0 || chosen.length > 0 || isKeyPress(item)) return [...mounted, ...chosen];
  const snapshot = await model.whenLoaded();
  const all = [...snapshot.volumes.values()];
  if (typeof item === "string") return all.filter(({ name }) => name === item);
  if (all.length === 0) {
    vscode.window.showInformationMessage(vscode.l10n.t("There are no volumes."));
    return [];
  }
  const picked = await vscode.window.showQuickPick(
    all.map((volume) => ({
      label: volumeLabel(volume),
      description: usersText(volumeUsers(snapshot, volume.name)),
      iconPath: new vscode.ThemeIcon("database"),
      volume,
    })),
    { placeHolder: placeholder },
  );
  return picked === undefined ? [] : [picked.volume];
}

/** Networks, or those that rows of a VM name. */
export async function chooseNetworks(
  services: Services,
  item: unknown,
  items: unknown,
  placeholder: string,
  fits: (network: NetworkDetails) => boolean,
): Promise<NetworkDetails[]> {
  const { model } = services;
  const ofVms = given(EndpointItem, item, items).map(({ network }) => network);
  const ids = given(NetworkItem, item, items).map(({ network }) => network.id);
  const all = () => [...model.snapshot.networks.values()].filter(fits);
  const chosen = all().filter(({ id, name }) => ids.includes(id) || ofVms.includes(name));
  if (ids.length > 0 || ofVms.length > 0 || isKeyPress(item)) return chosen;
  const snapshot = await model.whenLoaded();
  if (typeof item === "string") return all().filter(({ id, name }) => id === item || name === item);
  if (all().length === 0) {
    vscode.window.showInformationMessage(vscode.l10n.t("There is no network to choose."));
    return [];
  }
  const picked = await vscode.window.showQuickPick(
    all().map((network) => ({
      label: network.name,
      description: usersText(networkUsers(snapshot, network.name)),
      detail: network.subnet,
      iconPath: new vscode.ThemeIcon("type-hierarchy-sub"),
      network,
    })),
    { placeHolder: placeholder },
  );
  return picked === undefined ? [] : [picked.network];
}

/** Ports of VMs; asks if more than one fits. */
export async function choosePorts(
  services: Services,
  item: unknown,
  items: unknown,
  placeholder: string,
  fits: (port: PortRow) => boolean,
): Promise<PortRow[]> {
  const { model } = services;
  const chosen = given(PortItem, item, items).map(({ port }) => port);
  if (chosen.length > 0 || isKeyPress(item)) return chosen.filter(fits);
  const { vms } = await model.whenLoaded();
  const all = [...vms.values()].flatMap((vm) =>
    portRows(vm.ports)
      .filter(fits)
      .map((port) => ({ label: portLabel(port), description: vm.name, detail: portReach(port), port })),
  );
  if (all.length === 0) {
    vscode.window.showInformationMessage(vscode.l10n.t("No VM has published a port."));
    return [];
  }
  const picked = await vscode.window.showQuickPick(all, {
    placeHolder: placeholder,
    matchOnDescription: true,
  });
  return picked === undefined ? [] : [picked.port];
}

/** Run configurations; by a name alone, the first folder's. */
export async function chooseConfigurations(
  services: Services,
  item: unknown,
  items: unknown,
  placeholder: string,
): Promise<ConfigurationPlace[]> {
  const { configurations } = services;
  const chosen = given(RunConfigurationItem, item, items).map(({ entry }) => entry);
  if (chosen.length > 0 || isKeyPress(item)) return chosen;
  if (typeof item === "string") return [(await configurations.place(item)) ?? []].flat();
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
  const several = localFolders().length > 1;
  const picked = await vscode.window.showQuickPick(
    entries.map((entry) => ({
      label: entry.name,
      description: [entry.configuration?.image ?? "", several ? entry.folder.name : ""]
        .filter((part) => part !== "")
        .join(" · "),
      entry,
    })),
    { placeHolder: placeholder, matchOnDescription: true },
  );
  return picked === undefined ? [] : [picked.entry];
}
