import type * as vscode from "vscode";
import type { ImageSummary, VmSummary } from "../engine/protocol/index.ts";
import type { Model } from "./engine/model.ts";
import { sortedImages, sortedVms } from "./engine/store.ts";

/** What `vscode.extensions.getExtension("mocker.mocker").exports` is. */
export interface MockerExports {
  /** The only version so far is 1. Throws RangeError for another. */
  getApi(version: 1): MockerApi;
}

/** Version 1. VMs and images are those that the views show. */
export interface MockerApi {
  readonly version: 1;
  /** Fires when VMs or images have changed. */
  readonly onDidChange: vscode.Event<void>;
  /** Running ones first. Starts the engine if need be. */
  listVms(): Promise<readonly VmSummary[]>;
  listImages(): Promise<readonly ImageSummary[]>;
  /** Shows a VM's console in a terminal. `vm` is an ID. */
  openConsole(vm: string): Promise<void>;
}

export function makeExports(model: Model, openConsole: (vm: VmSummary) => void): MockerExports {
  const api: MockerApi = {
    version: 1,
    onDidChange: model.onDidChange,
    listVms: async () => sortedVms(await model.whenLoaded()),
    listImages: async () => sortedImages(await model.whenLoaded()),
    openConsole: async (id) => {
      const vm = (await model.whenLoaded()).vms.get(id);
      if (vm === undefined) throw new RangeError(`There is no VM with the ID ${id}.`);
      openConsole(vm);
    },
  };
  return {
    getApi(version) {
      if (version !== 1) throw new RangeError(`Mocker has no API version ${String(version)}, but version 1.`);
      return api;
    },
  };
}
