import * as vscode from "vscode";
import { mountSource } from "../../../engine/docker/mount.ts";
import type { Health, VmDetails, VmSummary } from "../../../engine/protocol/index.ts";
import type { Ending } from "../../engine/stops.ts";
import { shortId } from "../format.ts";
import { rowsOf, variablesText } from "../tooltip-rows.ts";
import { portReach } from "./port-item.ts";
import { portLabel, portRows } from "./port-row.ts";
import { bootText, vmIcon } from "./vm-item.ts";
import { healthWord, vmStatus } from "./vm-state.ts";

/** The tooltip, with what only `vm/inspect` knows when that is at hand. */
export function vmTooltip(
  vm: VmSummary,
  ending: Ending | undefined,
  details: VmDetails | undefined,
): vscode.MarkdownString {
  const { l10n } = vscode;
  const text = new vscode.MarkdownString(undefined, true);
  const row = rowsOf(text);
  text.appendMarkdown(`$(${vmIcon(vm, ending).id}) **`);
  text.appendText(vm.name);
  text.appendMarkdown("** — ");
  text.appendText(vmStatus(vm, ending, vscode.env.language));
  if (vm.reason !== undefined) {
    text.appendMarkdown("\n\n$(warning) ");
    text.appendText(vm.reason);
  }
  text.appendMarkdown("\n\n| | |\n|:--|:--|\n");
  row(l10n.t("Image"), vm.image);
  row(l10n.t("Image ID"), shortId(vm.imageId));
  row(
    l10n.t("Runtime"),
    vm.runtime === "simulation" ? l10n.t("simulation (namespaces, no isolation)") : vm.runtime,
  );
  row(l10n.t("Command"), vm.command.join(" "));
  for (const port of portRows(vm.ports)) row(l10n.t("Port"), `${portLabel(port)} (${portReach(port)})`);
  for (const network of vm.networks) {
    const endpoint = details?.endpoints.find((one) => one.network === network);
    row(l10n.t("Network"), [network, endpoint?.problem ?? endpoint?.address ?? ""].join(" ").trimEnd());
  }
  for (const mount of vm.mounts) {
    const note = mount.readOnly ? ` (${l10n.t("read-only")})` : "";
    row(l10n.t("Volume"), `${mountSource(mount)} → ${mount.target}${note}`);
  }
  if (details !== undefined) {
    row(l10n.t("Environment"), variablesText(details.config.env.length));
    row(l10n.t("CPUs"), String(details.config.cpus));
    row(l10n.t("Memory"), `${details.config.memoryMiB} MiB`);
    const { restart } = details.config;
    if (restart.name !== "no") row(l10n.t("Restart policy"), restartText(details));
    if (details.health !== undefined) row(l10n.t("Health"), healthText(details.health));
    if (details.guestKernelVersion !== undefined) row(l10n.t("Kernel"), details.guestKernelVersion);
    if (vm.bootMs !== undefined) row(l10n.t("Start"), bootText(vm.bootMs));
  }
  row(l10n.t("ID"), shortId(vm.id));
  return text;
}

/** Docker's word for the policy, and how often it has started the VM. */
function restartText({ config, restartCount }: VmDetails): string {
  const { name, maximumRetryCount } = config.restart;
  const policy = maximumRetryCount > 0 ? `${name}:${maximumRetryCount}` : name;
  return restartCount === 0 ? policy : vscode.l10n.t("{0}, restarted {1} times", policy, restartCount);
}

/** With what the last check of those that failed printed. */
function healthText({ status, failingStreak, log }: Health): string {
  const word = healthWord(status);
  if (failingStreak === 0) return word;
  const output = log.at(-1)?.output.trim() ?? "";
  const failures = vscode.l10n.t("{0}, failures in a row: {1}", word, failingStreak);
  return output === "" ? failures : `${failures}: ${output}`;
}
