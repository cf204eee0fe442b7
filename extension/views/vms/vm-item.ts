import * as vscode from "vscode";
import { mountSource } from "../../../engine/docker/mount.ts";
import type { VmDetails, VmSummary } from "../../../engine/protocol/index.ts";
import type { Ending } from "../../engine/stops.ts";
import { isRunning } from "../../engine/store.ts";
import { shortId } from "../format.ts";
import { nameAndRegistry } from "../short-reference.ts";
import { rowsOf, variablesText } from "../tooltip-rows.ts";
import type { EndpointItem } from "./endpoint-item.ts";
import type { MountItem } from "./mount-item.ts";
import { PortItem, portReach } from "./port-item.ts";
import { portLabel, portRows } from "./port-row.ts";
import { vmLook, vmStatus } from "./vm-state.ts";

/** Second argument of the command of a click, which leaves the focus in the tree. */
export const clicked = "click";

/** What is below a VM. */
export type VmPart = PortItem | EndpointItem | MountItem;

/** What of a VM its own summary does not tell. */
export interface VmSurroundings {
  /** The image's name where the VM was made from an ID. */
  imageTag: string | undefined;
  /** What is below it. */
  rows: readonly VmPart[];
  /** A row below says which and why. */
  lostNetwork: boolean;
  ending: Ending | undefined;
}

/** One VM in the tree. */
export class VmItem extends vscode.TreeItem {
  readonly vm: VmSummary;
  readonly rows: readonly VmPart[];

  constructor(vm: VmSummary, { imageTag, rows, lostNetwork, ending }: VmSurroundings) {
    super(
      vm.name,
      rows.length > 0 ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None,
    );
    this.vm = vm;
    this.rows = rows;
    this.id = vm.id;
    this.iconPath = vmIcon(vm, ending);
    const image = vm.imageId.replace(/^sha256:/, "").startsWith(vm.image) ? (imageTag ?? vm.image) : vm.image;
    const problem = lostNetwork ? vscode.l10n.t("network lost") : "";
    const simulated = vm.runtime === "simulation" ? vscode.l10n.t("simulated") : "";
    this.description = [problem, vmLook(vm, ending).word, simulated, nameAndRegistry(image).name]
      .filter((part) => part !== "")
      .join(" · ");
    this.contextValue = contextOf(vm, ending);
    this.accessibilityInformation = {
      label: [
        vscode.l10n.t("VM {0}, {1}", vm.name, vmStatus(vm, ending, vscode.env.language)),
        ...[problem, simulated].filter((part) => part !== ""),
        vscode.l10n.t("Image {0}", image),
        ...rows.flatMap((row) =>
          row instanceof PortItem ? (row.accessibilityInformation?.label ?? []) : [],
        ),
      ].join(". "),
      role: "treeitem",
    };
    this.command = isRunning(vm)
      ? {
          command: "mocker.attachConsole",
          title: vscode.l10n.t("Attach to Console"),
          arguments: [this, clicked],
        }
      : { command: "mocker.showOutput", title: vscode.l10n.t("Show Output"), arguments: [this, clicked] };
  }
}

/** Words for `when` clauses. */
function contextOf(vm: VmSummary, ending: Ending | undefined): string {
  if (ending === "stopping") return "vm.stopping";
  // One that waits for its restart can be stopped, too.
  return isRunning(vm) || vm.state === "restarting" ? "vm.running" : "vm.stopped";
}

export function vmIcon(vm: VmSummary, ending?: Ending): vscode.ThemeIcon {
  const { icon, color } = vmLook(vm, ending);
  return new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
}

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
    if (details.guestKernelVersion !== undefined) row(l10n.t("Kernel"), details.guestKernelVersion);
  }
  row(l10n.t("ID"), shortId(vm.id));
  return text;
}
