import * as vscode from "vscode";
import { restartVm, startVm } from "../../engine/client/start-vm.ts";
import { type VmSummary, vmKill, vmRemove, vmStop } from "../../engine/protocol/index.ts";
import { asMockerError, describe, showError } from "../engine/errors.ts";
import { isRunning } from "../engine/store.ts";
import { askSecrets } from "../run-configurations/secrets.ts";
import type { CommandHandler, Services } from "../services.ts";
import { setting } from "../settings.ts";
import { chooseVms } from "../views/selection.ts";
import { clicked } from "../views/vms/vm-item.ts";

const { l10n } = vscode;
const any = () => true;
const stopped = (vm: VmSummary) => !isRunning(vm);

export function vmCommands(services: Services) {
  const { connection, terminals, documents, stops } = services;
  const choose = (item: unknown, items: unknown, placeholder: string, fits: (vm: VmSummary) => boolean) =>
    chooseVms(services, item, items, placeholder, fits);

  const start = (vm: VmSummary): Promise<void> =>
    startVm(connection, { vm: vm.id }, (names) => askSecrets(vm.name, names));

  const kill = (vm: VmSummary): Promise<void> =>
    stops.end(vm, () => connection.request(vmKill, { vm: vm.id }));

  /** Asked for a second time, it waits no longer. */
  const stop = (vm: VmSummary): Promise<void> =>
    stops.endingOf(vm) === "stopping"
      ? kill(vm)
      : stops.end(vm, () => connection.request(vmStop, { vm: vm.id }));

  /** Asked for a second time, it waits no longer. */
  const restart = (vm: VmSummary): Promise<void> => {
    const grace = stops.endingOf(vm) === "stopping" ? { timeoutSeconds: 0 } : {};
    const params = { vm: vm.id, ...grace };
    return stops.end(vm, () => restartVm(connection, params, (names) => askSecrets(vm.name, names)));
  };

  const remove = async (vms: readonly VmSummary[]): Promise<void> => {
    if (vms.length === 0 || !(await confirmRemoval(vms))) return;
    await each(services, vms, (vm) => connection.request(vmRemove, { vm: vm.id, force: isRunning(vm) }));
  };

  return {
    async run() {
      const { runWizard } = await import("../wizard/run-wizard.ts");
      await runWizard(services);
    },

    async startVm(item, items) {
      const vms = await choose(item, items, l10n.t("Start which VM?"), stopped);
      const [only] = vms;
      if (vms.length === 1 && only !== undefined) terminals.openConsole(only, { start: true });
      else await each(services, vms, start);
    },

    async stopVm(item, items) {
      const vms = await choose(item, items, l10n.t("Stop which VM?"), isRunning);
      await progress(vms, l10n.t("Stopping"), () => each(services, vms, stop));
    },

    async killVm(item, items) {
      const vms = await choose(item, items, l10n.t("Kill which VM?"), isRunning);
      await each(services, vms, kill);
    },

    async restartVm(item, items) {
      const vms = await choose(item, items, l10n.t("Restart which VM?"), isRunning);
      await progress(vms, l10n.t("Restarting"), () => each(services, vms, restart));
    },

    async removeVm(item, items) {
      await remove(await choose(item, items, l10n.t("Remove which VM?"), any));
    },

    async pruneVms() {
      const { vms } = await services.model.whenLoaded();
      const unused = [...vms.values()].filter(stopped);
      if (unused.length > 0) await remove(unused);
      else vscode.window.showInformationMessage(l10n.t("There are no stopped VMs."));
    },

    async attachConsole(item, items) {
      for (const vm of await choose(item, items, l10n.t("Attach to which VM?"), isRunning)) {
        terminals.openConsole(vm, { preserveFocus: items === clicked, preview: items === clicked });
      }
    },

    /**
     * Of a VM that does not run: what it left, and how it ended. One that has not run yet can be started
     * there.
     */
    async showOutput(item, items) {
      for (const vm of await choose(item, items, l10n.t("Show the output of which VM?"), stopped)) {
        const isClick = items === clicked;
        terminals.openConsole(vm, { preserveFocus: isClick && vm.state !== "created", preview: isClick });
      }
    },

    async openShell(item, items) {
      for (const vm of await choose(item, items, l10n.t("Open a shell in which VM?"), isRunning)) {
        terminals.openShell(vm);
      }
    },

    async inspectVm(item, items) {
      for (const vm of await choose(item, items, l10n.t("Inspect which VM?"), any)) {
        await documents.show("vm", vm.id, vm.name);
      }
    },

    async copyVmId(item, items) {
      const vms = await choose(item, items, l10n.t("Copy the ID of which VM?"), any);
      if (vms.length > 0) await vscode.env.clipboard.writeText(vms.map((vm) => vm.id).join("\n"));
    },

    /** The status bar's: the console of any VM. */
    async showVms() {
      const [vm] = await choose(undefined, undefined, l10n.t("Virtual machines"), any);
      if (vm !== undefined) terminals.openConsole(vm);
    },
  } satisfies Record<string, CommandHandler>;
}

/** One question for all of them. */
async function confirmRemoval(vms: readonly VmSummary[]): Promise<boolean> {
  const running = vms.filter(isRunning).length;
  if (!setting("confirmRemove") && running === 0) return true;
  const [first] = vms;
  const question =
    vms.length === 1
      ? l10n.t("Remove the VM {0}?", first?.name ?? "")
      : l10n.t("Remove {0} VMs?", vms.length);
  const names = vms.length > 1 ? `${listed(vms.map((vm) => vm.name))}\n\n` : "";
  const button = l10n.t("Remove");
  const answer = await vscode.window.showWarningMessage(
    question,
    { modal: true, detail: `${names}${consequence(vms.length, running)}` },
    button,
  );
  return answer === button;
}

function consequence(count: number, running: number): string {
  if (count === 1) {
    return running === 1
      ? l10n.t("It is running: it is killed, and its disk is deleted.")
      : l10n.t("Its disk is deleted.");
  }
  if (running === 0) return l10n.t("Their disks are deleted.");
  return running === 1
    ? l10n.t("One of them is running: it is killed. Their disks are deleted.")
    : l10n.t("{0} of them are running: they are killed. Their disks are deleted.", running);
}

const maxListed = 12;

export function listed(names: readonly string[]): string {
  const more = names.length - maxListed;
  const shown = names.slice(0, maxListed).join("\n");
  return more > 0 ? `${shown}\n${l10n.t("and {0} more", more)}` : shown;
}

/** Does it to all of them, and shows what failed in one message. */
export async function each<T extends { name?: string }>(
  { log }: Services,
  targets: readonly T[],
  act: (target: T) => Promise<unknown>,
): Promise<void> {
  const results = await Promise.allSettled(targets.map(act));
  const failures = results.flatMap((result) =>
    result.status === "rejected" ? [asMockerError(result.reason)] : [],
  );
  const [first] = failures;
  if (first === undefined) return;
  if (failures.length === 1) await showError(first, log);
  else {
    for (const failure of failures.slice(1)) log.error(describe(failure));
    await showError(
      Object.assign(first, {
        message: l10n.t("{0} of {1} failed. {2}", failures.length, targets.length, first.message),
      }),
      log,
    );
  }
}

/** In the view, where one looks. */
async function progress(vms: readonly VmSummary[], title: string, work: () => Promise<void>): Promise<void> {
  if (vms.length === 0) return;
  await vscode.window.withProgress({ location: { viewId: "mocker.vms" }, title }, work);
}
