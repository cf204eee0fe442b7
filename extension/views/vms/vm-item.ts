import * as vscode from "vscode";
import type { VmSummary } from "../../../engine/protocol/index.ts";
import type { Ending } from "../../engine/stops.ts";
import { isRunning } from "../../engine/store.ts";
import { nameAndRegistry } from "../short-reference.ts";
import type { EndpointItem } from "./endpoint-item.ts";
import type { HealthItem } from "./health-item.ts";
import type { MountItem } from "./mount-item.ts";
import { PortItem } from "./port-item.ts";
import { vmLook, vmStatus } from "./vm-state.ts";

/** Second argument of the command of a click, which leaves the focus in the tree. */
export const clicked = "click";

/** What is below a VM. */
export type VmPart = HealthItem | PortItem | EndpointItem | MountItem;

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
    // What matters least is last, where a narrow view cuts it off.
    this.description = [
      problem,
      vmLook(vm, ending).word,
      simulated,
      nameAndRegistry(image).name,
      ...machineFacts(vm),
    ]
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

/** Memory and boot time of one that runs. */
function machineFacts(vm: VmSummary): string[] {
  if (!isRunning(vm)) return [];
  return [
    ...(vm.memoryMiB === undefined ? [] : [`${vm.memoryMiB} MiB`]),
    ...(vm.bootMs === undefined ? [] : [bootText(vm.bootMs)]),
  ];
}

export function bootText(bootMs: number): string {
  return vscode.l10n.t("booted in {0} ms", bootMs);
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
