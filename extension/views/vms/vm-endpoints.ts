import * as vscode from "vscode";
import { type VmEndpoint, type VmSummary, vmInspect } from "../../../engine/protocol/index.ts";
import type { Connection } from "../../engine/connection.ts";
import type { Model } from "../../engine/model.ts";
import { isRunning, type Snapshot } from "../../engine/store.ts";

/** What was known when a VM's endpoints were asked for. */
interface Known {
  vm: VmSummary;
  networks: Snapshot["networks"];
  endpoints: readonly VmEndpoint[];
}

/**
 * The ends in networks of VMs, which only `vm/inspect` tells: of those whose rows were opened, and of those
 * in a network that has a problem.
 */
export class VmEndpoints implements vscode.Disposable {
  readonly #connection: Connection;
  readonly #model: Model;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #opened = new Set<string>();
  readonly #known = new Map<string, Known>();

  readonly onDidChange = this.#changed.event;

  constructor(connection: Connection, model: Model) {
    this.#connection = connection;
    this.#model = model;
  }

  /** Undefined while they are not known. */
  of(vm: VmSummary, network: string): VmEndpoint | undefined {
    if (!isRunning(vm)) return undefined;
    return this.#known.get(vm.id)?.endpoints.find((endpoint) => endpoint.network === network);
  }

  /** Whether a network that has a problem is one to this VM; a user may have disconnected it from others. */
  hasLost(vm: VmSummary): boolean {
    const failing = this.#failing();
    return vm.networks.some((name) => failing.has(name) && this.of(vm, name)?.problem !== undefined);
  }

  /** The rows of a VM are shown: from now on its endpoints are kept up to date. */
  open(vm: VmSummary): void {
    this.#opened.add(vm.id);
    this.update();
  }

  /** Asks for what may have changed since it was asked for. */
  update(): void {
    const { vms, networks } = this.#model.snapshot;
    for (const id of this.#opened) if (!vms.has(id)) this.#opened.delete(id);
    for (const id of this.#known.keys()) if (!vms.has(id)) this.#known.delete(id);
    const failing = this.#failing();
    for (const vm of vms.values()) {
      if (!isRunning(vm)) continue;
      if (!this.#opened.has(vm.id) && !vm.networks.some((name) => failing.has(name))) continue;
      const known = this.#known.get(vm.id);
      if (known?.vm === vm && known.networks === networks) continue;
      // Shown until the answer is there.
      this.#known.set(vm.id, { vm, networks, endpoints: known?.endpoints ?? [] });
      this.#ask(vm).catch(() => undefined);
    }
  }

  dispose(): void {
    this.#changed.dispose();
  }

  /** Names of networks. */
  #failing(): Set<string> {
    const networks = [...this.#model.snapshot.networks.values()];
    return new Set(networks.filter(({ problem }) => problem !== undefined).map(({ name }) => name));
  }

  async #ask(vm: VmSummary): Promise<void> {
    const { endpoints } = await this.#connection.request(vmInspect, { vm: vm.id });
    const known = this.#known.get(vm.id);
    if (known?.vm !== vm) return;
    this.#known.set(vm.id, { ...known, endpoints });
    this.#changed.fire();
  }
}
