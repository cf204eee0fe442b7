import * as vscode from "vscode";
import { mountSource } from "../../../engine/docker/mount.ts";
import type { VmDetails, VmSummary } from "../../../engine/protocol/index.ts";
import { isRunning } from "../../engine/store.ts";
import { formatAge, formatDuration, shortId } from "../format.ts";
import { rowsOf } from "../tooltip-rows.ts";
import type { EndpointItem } from "./endpoint-item.ts";
import type { MountItem } from "./mount-item.ts";
import { PortItem, portReach } from "./port-item.ts";
import { portLabel, portRows } from "./port-row.ts";

/** Second argument of the command of a click, which leaves the focus in the tree. */
export const clicked = "click";

/** What is below a VM. */
export type VmPart = PortItem | EndpointItem | MountItem;

/** One VM in the tree. Rendered anew at each refresh: times in it are those of now. */
export class VmItem extends vscode.TreeItem {
  readonly vm: VmSummary;
  readonly rows: readonly VmPart[];

  /**
   * `imageTag`: the image's name where the VM was made from an ID. `lostNetwork`: a row below says which and
   * why.
   */
  constructor(vm: VmSummary, imageTag: string | undefined, rows: readonly VmPart[], lostNetwork: boolean) {
    super(
      vm.name,
      rows.length > 0 ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None,
    );
    this.vm = vm;
    this.rows = rows;
    this.id = vm.id;
    this.iconPath = vmIcon(vm);
    const image = vm.imageId.replace(/^sha256:/, "").startsWith(vm.image) ? (imageTag ?? vm.image) : vm.image;
    const problem = lostNetwork ? vscode.l10n.t("network lost") : "";
    this.description = [problem, image, vm.runtime === "simulation" ? vscode.l10n.t("simulation") : ""]
      .filter((part) => part !== "")
      .join(" · ");
    this.contextValue = contextOf(vm);
    this.accessibilityInformation = {
      label: [
        vscode.l10n.t("VM {0}, image {1}, {2}", vm.name, image, vmStatus(vm)),
        ...(lostNetwork ? [problem] : []),
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

/** Words for `when` clauses: `vm running` or `vm stopped`. */
function contextOf(vm: VmSummary): string {
  return isRunning(vm) ? "vm.running" : "vm.stopped";
}

export function vmIcon(vm: VmSummary): vscode.ThemeIcon {
  const color = (id: string) => new vscode.ThemeColor(id);
  switch (vm.state) {
    case "running":
      // The outlined one is not a virtual machine.
      return vm.runtime === "simulation"
        ? new vscode.ThemeIcon("vm-outline", color("testing.iconPassed"))
        : new vscode.ThemeIcon("vm-running", color("testing.iconPassed"));
    case "paused":
      return new vscode.ThemeIcon("debug-pause", color("charts.yellow"));
    case "failed":
    case "dead":
      return new vscode.ThemeIcon("error", color("testing.iconFailed"));
    case "exited":
      return (vm.exitCode ?? 0) === 0
        ? new vscode.ThemeIcon("vm", color("disabledForeground"))
        : new vscode.ThemeIcon("vm", color("testing.iconFailed"));
    case "created":
      return new vscode.ThemeIcon("vm", color("disabledForeground"));
  }
}

/** `running for 3 minutes`, `exited (0) 2 hours ago`: as of now. */
export function vmStatus(vm: VmSummary, now = Date.now()): string {
  const { l10n, env } = vscode;
  switch (vm.state) {
    case "running":
      return l10n.t("running for {0}", formatDuration(vm.startedAt, now, env.language));
    case "paused":
      return l10n.t("paused");
    case "created":
      return l10n.t("created {0}", formatAge(vm.createdAt, now, env.language));
    case "exited":
      return l10n.t("exited ({0}) {1}", vm.exitCode ?? 0, formatAge(vm.finishedAt, now, env.language));
    case "dead":
      return l10n.t("dead");
    case "failed":
      return l10n.t("failed {0}", formatAge(vm.finishedAt, now, env.language));
  }
}

/** The tooltip, with what only `vm/inspect` knows when that is at hand. */
export function vmTooltip(vm: VmSummary, details: VmDetails | undefined): vscode.MarkdownString {
  const { l10n } = vscode;
  const text = new vscode.MarkdownString(undefined, true);
  const row = rowsOf(text);
  text.appendMarkdown(`$(${vmIcon(vm).id}) **`);
  text.appendText(vm.name);
  text.appendMarkdown("** — ");
  text.appendText(vmStatus(vm));
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
    row(l10n.t("Environment"), l10n.t("{0} variables", details.config.env.length));
    row(l10n.t("CPUs"), String(details.config.cpus));
    row(l10n.t("Memory"), `${details.config.memoryMiB} MiB`);
    if (details.guestKernelVersion !== undefined) row(l10n.t("Kernel"), details.guestKernelVersion);
  }
  row(l10n.t("ID"), shortId(vm.id));
  return text;
}
