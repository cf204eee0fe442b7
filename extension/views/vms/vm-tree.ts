import type * as vscode from "vscode";
import { type VmSummary, vmInspect } from "../../../engine/protocol/index.ts";
import type { Connection } from "../../engine/connection.ts";
import type { Model } from "../../engine/model.ts";
import type { Stops } from "../../engine/stops.ts";
import { RowTree } from "../row-tree.ts";
import type { ViewState } from "../view-state.ts";
import { EndpointItem } from "./endpoint-item.ts";
import { HealthItem } from "./health-item.ts";
import { MountItem } from "./mount-item.ts";
import { PortItem } from "./port-item.ts";
import { portRows } from "./port-row.ts";
import { groupVms, matchesVm, type VmArrangement, VmOrder } from "./vm-arrangement.ts";
import { VmEndpoints } from "./vm-endpoints.ts";
import { VmGroupItem } from "./vm-group-item.ts";
import { VmItem, type VmPart } from "./vm-item.ts";
import { vmTooltip } from "./vm-tooltip.ts";

export type VmRow = VmGroupItem | VmItem | VmPart;

/**
 * The view "Virtual Machines": VMs, perhaps in groups, and below each its health, ports, networks and mounts.
 */
export class VmTree implements vscode.TreeDataProvider<VmRow>, vscode.Disposable {
  readonly #model: Model;
  readonly #connection: Connection;
  readonly #stops: Stops;
  readonly #arrangement: ViewState<VmArrangement>;
  readonly #order = new VmOrder();
  readonly #endpoints: VmEndpoints;
  readonly #rows = new RowTree<VmRow>(() => this.#items());
  readonly #subscriptions: vscode.Disposable[];

  readonly onDidChangeTreeData = this.#rows.onDidChange;

  constructor(model: Model, connection: Connection, stops: Stops, arrangement: ViewState<VmArrangement>) {
    this.#model = model;
    this.#connection = connection;
    this.#stops = stops;
    this.#arrangement = arrangement;
    this.#endpoints = new VmEndpoints(connection, model);
    this.#subscriptions = [
      this.#endpoints,
      this.#endpoints.onDidChange(() => this.#rows.refresh()),
      arrangement.onDidChange(() => this.reorder()),
      model.onDidChange(() => {
        this.#endpoints.update();
        this.#rows.refresh();
      }),
    ];
  }

  /** Asked for as soon as the view is visible: that is when the engine is wanted. */
  getChildren(item?: VmRow): VmRow[] {
    // Failures show in the view's welcome.
    if (this.#connection.state.kind === "idle") this.#connection.connect().catch(() => undefined);
    if (item instanceof VmItem) this.#endpoints.open(item.vm);
    return this.#rows.items(item);
  }

  #items(): VmRow[] {
    const { value } = this.#arrangement;
    const vms = this.#order
      .sorted(this.#model.snapshot.vms.values(), value.sortBy)
      .filter((vm) => matchesVm(vm, value.filter));
    if (value.groupBy === "none") return vms.map((vm) => this.#item(vm));
    return groupVms(vms, value).map(
      (group) =>
        new VmGroupItem(
          group.name,
          value,
          group.vms.map((vm) => this.#item(vm)),
        ),
    );
  }

  #item(vm: VmSummary): VmItem {
    return new VmItem(vm, {
      imageTag: this.#model.snapshot.images.get(vm.imageId)?.repoTags[0],
      rows: this.#parts(vm),
      lostNetwork: this.#endpoints.hasLost(vm),
      ending: this.#stops.endingOf(vm),
    });
  }

  #parts(vm: VmSummary): VmPart[] {
    const health = vm.state === "running" ? vm.healthStatus : undefined;
    return [
      ...(health === undefined ? [] : [new HealthItem(vm.id, health)]),
      ...portRows(vm.ports).map((port) => new PortItem(vm.id, port)),
      ...vm.networks.map((network) => new EndpointItem(vm.id, network, this.#endpoints.of(vm, network))),
      ...vm.mounts.map((mount) => new MountItem(vm.id, mount)),
    ];
  }

  getTreeItem(item: VmRow): vscode.TreeItem {
    return this.#rows.current(item);
  }

  async resolveTreeItem(item: VmRow, _element: VmRow, token: vscode.CancellationToken): Promise<VmRow> {
    if (!(item instanceof VmItem)) return item;
    const details = await this.#connection
      .request(vmInspect, { vm: item.vm.id }, token)
      .catch(() => undefined);
    // resolveTreeItem's result is the given item, with the lazy members filled in.
    const vm = this.#model.vm(item.vm.id) ?? item.vm;
    item.tooltip = vmTooltip(vm, this.#stops.endingOf(vm), details);
    return item;
  }

  /** After a change that the model does not tell of. */
  refresh(): void {
    this.#rows.refresh();
  }

  /** Nobody points at a row: VMs that are sorted by state may change places. */
  reorder(): void {
    this.#order.forget();
    this.#rows.refresh();
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#rows.dispose();
  }
}
