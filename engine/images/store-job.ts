import type { MergeLayer } from "./layer-merge.ts";

/** What the engine's main thread and a store worker say to each other: one job for each worker. */
interface TreeJob {
  /** Bottom layer first. */
  layers: MergeLayer[];
  folder: string;
  /** As root: owners, devices and privileged attributes too. */
  privileged: boolean;
}

export interface UnpackJob extends TreeJob {
  op: "unpack";
}

/** Compares a folder that was unpacked with what would be unpacked now. */
export interface CompareJob extends TreeJob {
  op: "compare";
}

export type StoreJob = UnpackJob | CompareJob;

export type FromStoreWorker =
  /** `difference`: the first one that a comparison found. */
  | { op: "done"; difference?: string | undefined }
  | { op: "failed"; code: string | undefined; message: string };
