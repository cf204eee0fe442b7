import { RequestType, RequestType0 } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type { ImageSummary } from "./image.ts";
import type { SystemCheckParams } from "./params/system.ts";
import type { VmSummary } from "./vm.ts";
import type { VolumeSummary } from "./volume.ts";

export type * from "./params/system.ts";

/** What one image takes, in uncompressed layer bytes. */
export interface ImageUsage {
  image: ImageSummary;
  /** Of layers that other images have too. */
  sharedBytes: number;
  /** Of VMs made from it. */
  vms: number;
}

export interface VmUsage {
  vm: VmSummary;
  /** Blocks on the disk of all that the VM has: its writable disk, its log, its records. */
  diskBytes: number;
}

export interface VolumeUsage {
  volume: VolumeSummary;
  /** Blocks on the disk; without what is in a directory of the host that only has a name. */
  diskBytes: number;
}

export interface SystemUsage {
  images: {
    items: ImageUsage[];
    /** Blocks on the disk of the whole store: blobs, converted layers, rootfs disks and directories. */
    diskBytes: number;
    /** What a removal of all images without VMs would free of that. */
    reclaimableBytes: number;
  };
  vms: VmUsage[];
  volumes: VolumeUsage[];
}

export const systemUsage = new RequestType0<SystemUsage, ErrorData>("system/usage");

export interface CheckProgress {
  /** What is looked at now. */
  subject: string;
}

export interface StoreProblem {
  /** `note`: harmless, space at most. */
  severity: "error" | "note";
  /** What it is about: `blob sha256:… of alpine:latest`. */
  subject: string;
  /** What is wrong with it. */
  problem: string;
  /** What to do, or what was done. */
  hint: string;
  repaired: boolean;
}

export interface SystemCheckResult {
  problems: StoreProblem[];
  /** How many of each were looked at. */
  checked: { images: number; blobs: number; layers: number; roots: number; vms: number };
}
export const systemCheck = new RequestType<SystemCheckParams, SystemCheckResult, ErrorData>("system/check");
