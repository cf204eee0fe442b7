import { RequestType } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type { CheckpointCreateParams, CheckpointListParams, CheckpointParams } from "./params/checkpoint.ts";

export type * from "./params/checkpoint.ts";

/** The files and the configuration that a VM had; its volumes and its memory are not in it. */
export interface CheckpointSummary {
  name: string;
  /** RFC 3339. */
  createdAt: string;
}

/** How far a copy has come. */
export interface CheckpointProgress {
  copiedBytes: number;
}

export interface CheckpointCreateResult {
  /** What was copied; 0 where the file system shares it with the VM. */
  copiedBytes: number;
  durationMs: number;
}

/** @throws VM_RUNNING for a VM that runs */
export const checkpointCreate = new RequestType<CheckpointCreateParams, CheckpointCreateResult, ErrorData>(
  "checkpoint/create",
);

/** In the order of names. */
export const checkpointList = new RequestType<CheckpointListParams, CheckpointSummary[], ErrorData>(
  "checkpoint/list",
);

export const checkpointRemove = new RequestType<CheckpointParams, null, ErrorData>("checkpoint/remove");
