import type { Digest } from "../../../docker/digest.ts";
import type { ErrorCode } from "../../../protocol/errors.ts";
import type { LayerLimits } from "./layer-converter.ts";

/** A conversion, as the engine's main thread asks the layer worker for it. */
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
  /** The layer's name in messages. */
  name: string;
}

/** `job`: a number that the engine gives each of them. */
export type ToWorker =
  | (ConvertJob & { job: number })
  /** `bytes` of the blob are in its file; `final`: that is the whole blob. */
  | { op: "available"; job: number; bytes: number; final: boolean }
  | { op: "abort"; job: number };

export interface ConvertResult {
  tarBytes: number;
  dataBytes: number;
  entries: number;
}

/** Every job ends with `done` or `failed`, also one that was aborted; then it has no file open any more. */
export type FromWorker =
  | { op: "progress"; job: number; bytes: number }
  | { op: "done"; job: number; result: ConvertResult }
  | {
      op: "failed";
      job: number;
      code: ErrorCode;
      message: string;
      hint: string | undefined;
      details: Record<string, unknown> | undefined;
    };
