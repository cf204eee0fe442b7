import type { ErrorCode } from "../protocol/errors.ts";
import type { Digest } from "./digest.ts";
import type { LayerLimits } from "./layer-converter.ts";

/** What the engine's main thread and a layer worker say to each other. */
export interface ConvertJob {
  op: "convert";
  /** The blob as it grows while it is downloaded. */
  blobPath: string;
  digest: Digest;
  /** Digest of the uncompressed tar, as the image configuration names it. */
  diffId: Digest;
  dataPath: string;
  indexPath: string;
  limits: LayerLimits;
  /** How the layer is called in messages. */
  name: string;
}

export interface RootLayer {
  indexPath: string;
  dataPath: string;
  name: string;
}

export interface RootJob {
  op: "root";
  /** Bottom layer first. */
  layers: RootLayer[];
  metadataPath: string;
  /** 16 bytes in hexadecimal. */
  uuid: string;
}

export type WorkerJob = ConvertJob | RootJob;

/** `job`: a number that the engine gives each of them. */
export type ToWorker =
  | (WorkerJob & { job: number })
  /** So many bytes of the blob are in its file; `final`: that is all. */
  | { op: "available"; job: number; bytes: number; final: boolean }
  | { op: "abort"; job: number }
  /** The bottom layers of a root that will be asked for later: may be merged already. */
  | { op: "ahead"; layers: RootLayer[] };

export interface ConvertResult {
  tarBytes: number;
  dataBytes: number;
  entries: number;
}

export interface RootResult {
  metadataBytes: number;
  /** Numbers of the layers whose data the file system refers to, in the order of their extents. */
  extents: { layer: number; bytes: number }[];
  inodes: number;
}

/** Every job ends with `done` or `failed`, also one that was aborted; then it has no file open any more. */
export type FromWorker =
  | { op: "progress"; job: number; bytes: number }
  | { op: "done"; job: number; result: ConvertResult | RootResult }
  | {
      op: "failed";
      job: number;
      code: ErrorCode;
      message: string;
      hint: string | undefined;
      details: Record<string, unknown> | undefined;
    };
