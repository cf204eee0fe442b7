import type { UnpackProgress } from "../../../protocol/vm.ts";
import type { MergeLayer } from "./layer-merge.ts";

/** Messages between the engine's main thread and a store worker, which does one job. */
interface ImageTree {
  /** Bottom layer first. */
  layers: MergeLayer[];
}

interface DirectoryJob extends ImageTree {
  directory: string;
  /** As root: owners, devices and privileged attributes too. */
  privileged: boolean;
}

export interface UnpackJob extends DirectoryJob {
  op: "unpack";
}

/** Compares a directory that was unpacked with what would be unpacked now. */
export interface CompareJob extends DirectoryJob {
  op: "compare";
}

export type StoreJob = UnpackJob | CompareJob;

/** Sends part of the tree as a tar archive, piece by piece. Strings are binary ones. */
export interface ArchiveJob extends ImageTree {
  op: "archive";
  /** Absolute. */
  path: string;
  followLink: boolean;
  /** Name of the path's end in the archive. */
  name: string;
  /** An Int32 of pieces that may be sent: the worker takes one for each and waits for more at 0. */
  credit: SharedArrayBuffer;
}

export type FromStoreWorker =
  /** `difference`: the first one that a comparison found. */
  | { op: "done"; difference?: string | undefined }
  /** Of an unpacking. */
  | { op: "progress"; progress: UnpackProgress }
  | { op: "chunk"; bytes: Uint8Array<ArrayBuffer> }
  | { op: "failed"; code: string | undefined; message: string };
