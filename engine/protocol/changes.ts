import { RequestType } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type { VmCommitParams, VmDiffParams } from "./params/changes.ts";

export type * from "./params/changes.ts";

/** What a VM has changed of its image. */
export interface FileChange {
  kind: "added" | "changed" | "deleted";
  /** Absolute. */
  path: string;
}

export const vmDiff = new RequestType<VmDiffParams, { changes: FileChange[] }, ErrorData>("vm/diff");

/** Makes an image of a VM: its image's layers, and one of its changes. */
export const vmCommit = new RequestType<VmCommitParams, { id: string }, ErrorData>("vm/commit");
