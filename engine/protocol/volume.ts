import { NotificationType, RequestType } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type {
  VolumeCreateParams,
  VolumeListParams,
  VolumeParams,
  VolumePruneParams,
  VolumeRemoveParams,
} from "./params/volume.ts";

export type * from "./params/volume.ts";

export interface VolumeSummary {
  name: string;
  driver: "local";
  /** RFC 3339. */
  createdAt: string;
  /** Directory of the host, or the disk of a volume of the type block. */
  mountpoint: string;
  /** It was made without a name. */
  anonymous: boolean;
  labels: Record<string, string>;
  options: Record<string, string>;
  /** IDs of the VMs that have it, whether they run or not. */
  users: string[];
  /** Why its record cannot be read: it can be removed, nothing else. */
  broken?: string;
}

/** Answers with the volume that is there already, if there is one of that name. */
export const volumeCreate = new RequestType<VolumeCreateParams, VolumeSummary, ErrorData>("volume/create");

/** By name. */
export const volumeList = new RequestType<VolumeListParams, VolumeSummary[], ErrorData>("volume/list");

export const volumeInspect = new RequestType<VolumeParams, VolumeSummary, ErrorData>("volume/inspect");

/** VOLUME_IN_USE while a VM has it, whether it runs or not. */
export const volumeRemove = new RequestType<VolumeRemoveParams, null, ErrorData>("volume/remove");

export interface VolumePruneResult {
  /** Names, in order. */
  removed: string[];
  reclaimedBytes: number;
}
export const volumePrune = new RequestType<VolumePruneParams, VolumePruneResult, ErrorData>("volume/prune");

export interface VolumeChange {
  /** `changed`: a VM began or ceased to run with it. */
  kind: "created" | "changed" | "removed";
  name: string;
}
export const volumeDidChange = new NotificationType<VolumeChange>("volume/didChange");
