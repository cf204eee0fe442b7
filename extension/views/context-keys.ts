import * as vscode from "vscode";
import { isPredefinedNetwork } from "../../engine/docker/network-options.ts";
import { commandFolder, isCommandInstalled } from "../commands/install-command.ts";
import type { Connection } from "../engine/connection.ts";
import type { Model } from "../engine/model.ts";
import { isRunning } from "../engine/store.ts";
import type { RunConfigurations } from "../run-configurations/run-configurations.ts";
import type { ViewState } from "./view-state.ts";
import type { VmArrangement } from "./vms/vm-arrangement.ts";

/** Keys for `when` clauses: which welcome a view shows and which commands there are. */
export class ContextKeys implements vscode.Disposable {
  readonly #connection: Connection;
  readonly #model: Model;
  readonly #known = new Map<string, unknown>();
  readonly #subscriptions: vscode.Disposable[];

  constructor(
    connection: Connection,
    model: Model,
    configurations: RunConfigurations,
    vmArrangement: ViewState<VmArrangement>,
    imageFilter: ViewState<string>,
  ) {
    this.#connection = connection;
    this.#model = model;
    const update = () => this.#follow();
    const read = async (): Promise<void> => {
      const entries = vscode.workspace.isTrusted ? await configurations.entries() : [];
      this.#set("mocker.hasConfigurations", entries.length > 0);
    };
    const filtered = () => {
      this.#set("mocker.vmsFiltered", vmArrangement.value.filter !== "");
      this.#set("mocker.imagesFiltered", imageFilter.value !== "");
    };
    this.#subscriptions = [
      vmArrangement.onDidChange(filtered),
      imageFilter.onDidChange(filtered),
      model.onDidChange(update),
      connection.onDidChangeState(update),
      configurations.onDidChange(read),
    ];
    this.update();
    filtered();
    read();
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** Sets all of them anew, and those of what no event tells of. */
  update(): void {
    this.#set("mocker.hasInstalledCommand", isCommandInstalled(commandFolder()));
    this.#follow();
  }

  #follow(): void {
    const { state } = this.#connection;
    const { vms, images, volumes, networks } = this.#model.snapshot;
    const loaded = state.kind === "connected" && this.#model.loaded;
    this.#set("mocker.state", state.kind === "failed" ? "failed" : loaded ? "ready" : "starting");
    // Which of its causes a failure has: the button in the welcome is the one that helps.
    this.#set("mocker.failure", state.kind === "failed" ? failureOf(state.error.details?.source) : "");
    this.#set("mocker.runtime", state.kind === "connected" ? state.info.runtime : "");
    this.#set("mocker.hasImages", images.size > 0);
    this.#set("mocker.hasVolumes", volumes.size > 0);
    this.#set("mocker.hasNetworks", networks.size > 0);
    // The default network is nobody's to remove.
    this.#set(
      "mocker.hasOwnNetworks",
      [...networks.values()].some(({ name }) => !isPredefinedNetwork(name)),
    );
    this.#set(
      "mocker.hasPorts",
      [...vms.values()].some(({ ports }) => ports.some(({ host }) => host !== undefined)),
    );
    this.#set("mocker.hasVms", vms.size > 0);
    this.#set("mocker.hasRunning", [...vms.values()].some(isRunning));
    this.#set(
      "mocker.hasStopped",
      [...vms.values()].some((vm) => !isRunning(vm)),
    );
  }

  #set(key: string, value: unknown): void {
    if (this.#known.get(key) === value) return;
    this.#known.set(key, value);
    vscode.commands.executeCommand("setContext", key, value);
  }
}

function failureOf(source: unknown): string {
  if (source === "version") return "version";
  return source === "setting" || source === "environment" ? "path" : "engine";
}
