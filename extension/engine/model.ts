import * as vscode from "vscode";
import {
  type ImageChange,
  imageDidChange,
  imageList,
  type NetworkChange,
  networkDidChange,
  networkList,
  type VmChange,
  type VmSummary,
  type VolumeChange,
  vmDidChange,
  vmList,
  volumeDidChange,
  volumeList,
} from "../../engine/protocol/index.ts";
import { Throttle, treeIntervalMs } from "../views/throttle.ts";
import type { Connection } from "./connection.ts";
import { Latest } from "./latest.ts";
import {
  applyImageChange,
  applyVmChange,
  emptySnapshot,
  isRunning,
  type Snapshot,
  withLists,
} from "./store.ts";

/**
 * What every view, picker and the status bar show. VMs and images: lists once per connection, then events.
 * Volumes and networks, of which there are few: the list again at each event, which only names one.
 */
export class Model implements vscode.Disposable {
  readonly #connection: Connection;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #subscription: vscode.Disposable;
  #snapshot: Snapshot = emptySnapshot;
  #loaded = false;
  #loading: Promise<void> = Promise.resolve();
  /** Changes that arrived while the lists were on their way; they are applied on top. */
  #early: ((snapshot: Snapshot) => Snapshot)[] | undefined;
  readonly #throttle = new Throttle(treeIntervalMs, () => this.#changed.fire());
  readonly #volumes = new Latest(async () => {
    const volumes = await this.#connection.request(volumeList, {});
    this.#apply((snapshot) => withLists(snapshot, { volumes }));
  });
  readonly #vms = new Latest(async () => {
    const vms = await this.#connection.request(vmList, { all: true });
    this.#apply((snapshot) => withLists(snapshot, { vms }));
  });
  readonly #networks = new Latest(async () => {
    const networks = await this.#connection.request(networkList, {});
    this.#apply((snapshot) => withLists(snapshot, { networks }));
  });

  readonly onDidChange = this.#changed.event;

  constructor(connection: Connection, log: vscode.LogOutputChannel) {
    this.#connection = connection;
    connection.onNotification<VmChange>(vmDidChange, (change) =>
      this.#apply((snapshot) => applyVmChange(snapshot, change)),
    );
    connection.onNotification<ImageChange>(imageDidChange, (change) =>
      this.#apply((snapshot) => applyImageChange(snapshot, change)),
    );
    const warn = (error: unknown) => log.warn(`A list was not read again: ${String(error)}`);
    connection.onNotification<VolumeChange>(volumeDidChange, () => this.#volumes.request().catch(warn));
    connection.onNotification<NetworkChange>(networkDidChange, ({ kind, vm }) => {
      this.#networks.request().catch(warn);
      // Ports come and go with the network of a VM that runs, and the engine does not say so of the VM.
      const running = vm === undefined ? undefined : this.vm(vm);
      if (kind === "failed" || (running && isRunning(running))) this.#vms.request().catch(warn);
    });
    this.#subscription = connection.onDidChangeState((state) => {
      if (state.kind === "connected") {
        this.#loading = this.#load();
        this.#loading.catch((error) => log.error(error instanceof Error ? error : String(error)));
      } else if (state.kind === "failed") {
        // What is shown is what is known; a moment's reconnecting need not flicker.
        this.#loaded = false;
        this.#snapshot = emptySnapshot;
        this.#throttle.request();
      }
    });
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Whether the lists of this connection have arrived. */
  get loaded(): boolean {
    return this.#loaded;
  }

  vm(id: string): VmSummary | undefined {
    return this.#snapshot.vms.get(id);
  }

  /** Resolves once the lists are there. Starts the engine if need be. Throws MockerError. */
  async whenLoaded(): Promise<Snapshot> {
    await this.#connection.connect();
    await this.#loading;
    return this.#snapshot;
  }

  dispose(): void {
    this.#throttle.dispose();
    this.#subscription.dispose();
    this.#changed.dispose();
  }

  async #load(): Promise<void> {
    const early: ((snapshot: Snapshot) => Snapshot)[] = [];
    this.#early = early;
    try {
      const [vms, images, volumes, networks] = await Promise.all([
        this.#connection.request(vmList, { all: true }),
        this.#connection.request(imageList, {}),
        this.#connection.request(volumeList, {}),
        this.#connection.request(networkList, {}),
      ]);
      if (this.#early !== early) return;
      // Each event carries the whole record and the last one of each record wins, so that doing one twice is
      // harmless.
      this.#snapshot = early.reduce(
        (snapshot, change) => change(snapshot),
        withLists(emptySnapshot, { vms, images, volumes, networks }),
      );
      this.#loaded = true;
    } finally {
      if (this.#early === early) this.#early = undefined;
      this.#throttle.request();
    }
  }

  #apply(change: (snapshot: Snapshot) => Snapshot): void {
    if (this.#early !== undefined) {
      this.#early.push(change);
      return;
    }
    this.#snapshot = change(this.#snapshot);
    this.#throttle.request();
  }
}
