import * as vscode from "vscode";
import {
  type ImageChange,
  imageDidChange,
  imageList,
  type VmChange,
  type VmSummary,
  vmDidChange,
  vmList,
} from "../../engine/protocol/index.ts";
import { Throttle, treeIntervalMs } from "../views/throttle.ts";
import type { Connection } from "./connection.ts";
import { applyImageChange, applyVmChange, emptySnapshot, type Snapshot, snapshotOf } from "./store.ts";

/**
 * The VMs and images that every view, picker and the status bar show: lists once per connection, then events.
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

  readonly onDidChange = this.#changed.event;

  constructor(connection: Connection, log: vscode.LogOutputChannel) {
    this.#connection = connection;
    connection.onNotification<VmChange>(vmDidChange, (change) =>
      this.#apply((snapshot) => applyVmChange(snapshot, change)),
    );
    connection.onNotification<ImageChange>(imageDidChange, (change) =>
      this.#apply((snapshot) => applyImageChange(snapshot, change)),
    );
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
      const [vms, images] = await Promise.all([
        this.#connection.request(vmList, { all: true }),
        this.#connection.request(imageList, {}),
      ]);
      if (this.#early !== early) return;
      // Each event carries the whole record and the last one of each record wins, so that doing one twice is
      // harmless.
      this.#snapshot = early.reduce((snapshot, change) => change(snapshot), snapshotOf(vms, images));
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
