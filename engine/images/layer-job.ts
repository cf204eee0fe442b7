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

export interface RootJob {
  op: "root";
  /** Bottom layer first. */
  layers: { indexPath: string; name: string }[];
  metadataPath: string;
  /** 16 bytes in hexadecimal. */
  uuid: string;
}

export type WorkerJob = ConvertJob | RootJob;

export type ToWorker =
  | WorkerJob
  /** So many bytes of the blob are in its file; `final`: that is all. */
  | { op: "available"; bytes: number; final: boolean };

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

export type FromWorker =
  | { op: "progress"; bytes: number }
  | { op: "done"; result: ConvertResult | RootResult }
  | {
      op: "failed";
      code: ErrorCode;
      message: string;
      hint: string | undefined;
      details: Record<string, unknown> | undefined;
    };
