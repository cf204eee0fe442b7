import * as vscode from "vscode";
import { isPredefinedNetwork } from "../../engine/docker/network-options.ts";
import { type NetworkDetails, networkRemove, type VmSummary, vmStop } from "../../engine/protocol/index.ts";
import { isRunning, networkUsers } from "../engine/store.ts";
import type { CommandHandler, Services } from "../services.ts";
import { setting } from "../settings.ts";
import { chooseNetworks } from "../views/selection.ts";
import { createNetwork } from "./create-network.ts";
import { each, listed } from "./vm-commands.ts";

const { l10n } = vscode;
const any = () => true;
const own = ({ name }: NetworkDetails) => !isPredefinedNetwork(name);

export function networkCommands(services: Services) {
  const { connection, documents, model, stops } = services;
  const choose = (
    item: unknown,
    items: unknown,
    placeholder: string,
    fits: (network: NetworkDetails) => boolean,
  ) => chooseNetworks(services, item, items, placeholder, fits);
  const removeAll = (networks: readonly NetworkDetails[]) =>
    each(services, networks, ({ id }) => connection.request(networkRemove, { network: id }));

  return {
    async createNetwork() {
      await createNetwork(services);
    },

    async inspectNetwork(item, items) {
      for (const network of await choose(item, items, l10n.t("Inspect which network?"), any)) {
        await documents.show("network", network.id, network.name);
      }
    },

    async removeNetwork(item, items) {
      const networks = await choose(item, items, l10n.t("Remove which network?"), own);
      const users = [...model.snapshot.vms.values()].filter((vm) =>
        networks.some(({ name }) => vm.networks.includes(name)),
      );
      if (networks.length === 0 || !(await confirmRemoval(networks, users))) return;
      // While one runs in it a network cannot be removed.
      await each(services, users.filter(isRunning), (vm) =>
        stops.end(vm, () => connection.request(vmStop, { vm: vm.id })),
      );
      await removeAll(networks);
    },

    async pruneNetworks() {
      const snapshot = await model.whenLoaded();
      const unused = [...snapshot.networks.values()].filter(
        (network) => own(network) && networkUsers(snapshot, network.name).length === 0,
      );
      if (unused.length === 0) {
        vscode.window.showInformationMessage(l10n.t("Every network is used by a VM."));
        return;
      }
      const picked = await vscode.window.showQuickPick(
        unused.map((network) => ({
          label: network.name,
          description: network.subnet,
          picked: true,
          network,
        })),
        {
          canPickMany: true,
          title: l10n.t("Prune Networks: {0} that no VM uses", unused.length),
          placeHolder: l10n.t("Enter removes the chosen ones"),
        },
      );
      if (picked !== undefined) await removeAll(picked.map(({ network }) => network));
    },

    async copyNetworkName(item, items) {
      const networks = await choose(item, items, l10n.t("Copy the name of which network?"), any);
      if (networks.length > 0)
        await vscode.env.clipboard.writeText(networks.map(({ name }) => name).join("\n"));
    },
  } satisfies Record<string, CommandHandler>;
}

async function confirmRemoval(
  networks: readonly NetworkDetails[],
  users: readonly VmSummary[],
): Promise<boolean> {
  if (!setting("confirmRemove") && users.length === 0) return true;
  const running = users.filter(isRunning).map(({ name }) => name);
  const stopped = users.filter((vm) => !isRunning(vm)).map(({ name }) => name);
  const question =
    networks.length === 1
      ? l10n.t("Remove the network {0}?", networks[0]?.name ?? "")
      : l10n.t("Remove {0} networks?", networks.length);
  const detail = [
    ...(networks.length > 1 ? [listed(networks.map(({ name }) => name))] : []),
    ...(running.length > 0
      ? [l10n.t("Running in it: {0}. They are stopped first.", running.join(", "))]
      : []),
    ...(users.length > 0
      ? [l10n.t("Without it these VMs cannot be started: {0}", [...running, ...stopped].join(", "))]
      : []),
  ].join("\n\n");
  const button =
    running.length === 0
      ? l10n.t("Remove")
      : running.length === 1
        ? l10n.t("Stop VM and Remove")
        : l10n.t("Stop VMs and Remove");
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, button)) === button;
}
