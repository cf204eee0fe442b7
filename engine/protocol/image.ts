import { NotificationType, RequestType } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";

export interface ImageSummary {
  /** Digest of the image's configuration, `sha256:<64 hex>`: Docker's image ID. */
  id: string;
  /** Familiar `name:tag` references, e.g. `alpine:latest`, `127.0.0.1:5000/debian:latest`. */
  repoTags: string[];
  /** `name@sha256:…` of the manifest, as the registry knows it. */
  repoDigests: string[];
  /** RFC 3339. */
  created: string;
  /** Sum of the layers' uncompressed tar sizes. */
  sizeBytes: number;
  architecture: string;
  os: string;
  variant?: string;
}

/** The parts of an OCI image configuration that decide how it runs (image-spec config.md). */
export interface ImageRunConfig {
  env: string[];
  entrypoint: string[];
  cmd: string[];
  workingDir: string;
  user: string;
  stopSignal: string;
  exposedPorts: string[];
  volumes: string[];
  labels: Record<string, string>;
}

export interface ImageDetails extends ImageSummary {
  manifestDigest: string;
  config: ImageRunConfig;
  layers: { digest: string; diffId: string; sizeBytes: number }[];
  author: string;
  /** What was said when the image was made. */
  comment?: string;
}

export interface ImagePullParams {
  /** A registry reference, or `oci:DIR[:tag]`, `oci-archive:FILE`, `docker-archive:FILE`, `docker-daemon:REF`, `containers-storage:REF`. */
  reference: string;
  /** `os/arch[/variant]`; default: this machine's. */
  platform?: string;
  /** Folder of the user's Docker config.json, with the credentials; default: the engine's own. */
  dockerConfig?: string;
  /** Progress goes out as `$/progress` under this token ({@link PullProgress}). */
  progressToken?: string;
}

export interface PullProgress {
  /** Short layer id (12 hex), or "" for a line about the whole image. */
  layer: string;
  status:
    | "pulling"
    | "exists"
    | "waiting"
    | "downloading"
    | "verifying"
    | "preparing"
    | "complete"
    | "retrying";
  currentBytes?: number;
  totalBytes?: number;
  message?: string;
}

export interface ImagePullResult {
  id: string;
  /** Manifest (or index) digest that the reference named. */
  digest: string;
  /** Normalised reference, e.g. `docker.io/library/alpine:latest`. */
  reference: string;
  upToDate: boolean;
}

export const imagePull = new RequestType<ImagePullParams, ImagePullResult, ErrorData>("image/pull");

export interface ImageListParams {
  /** Docker's filters: reference, dangling, label, before, since. Values of one key are alternatives. */
  filters?: Record<string, string[]>;
}
export const imageList = new RequestType<ImageListParams, ImageSummary[], ErrorData>("image/list");

/** `platform` (`os/arch[/variant]`): that of the image, or of another of the same index that was pulled; NO_MATCHING_PLATFORM if there is none. */
export const imageInspect = new RequestType<{ image: string; platform?: string }, ImageDetails, ErrorData>(
  "image/inspect",
);

export interface ImageRemoveResult {
  untagged: string[];
  deleted: string[];
}
/** For `platform` see {@link imageInspect}. */
export const imageRemove = new RequestType<
  { image: string; force?: boolean; platform?: string },
  ImageRemoveResult,
  ErrorData
>("image/remove");

export const imageTag = new RequestType<{ source: string; target: string }, null, ErrorData>("image/tag");

/** One step of an image's making. */
export interface ImageHistoryEntry {
  /** The image's ID for the newest step, `<missing>` for the others. */
  id: string;
  /** RFC 3339, or "". */
  created: string;
  createdBy: string;
  /** Uncompressed tar of the layer that the step made; 0 if it made none. */
  sizeBytes: number;
  comment: string;
}
/** Newest step first. */
/** For `platform` see {@link imageInspect}. */
export const imageHistory = new RequestType<
  { image: string; platform?: string },
  ImageHistoryEntry[],
  ErrorData
>("image/history");

export interface ImagePruneParams {
  /** All images without a VM, not only those without a name. */
  all?: boolean;
  /** Docker's filters: until, label, label!, dangling. */
  filters?: Record<string, string[]>;
}
export interface ImagePruneResult extends ImageRemoveResult {
  /** What was freed on the disk. */
  reclaimedBytes: number;
}
export const imagePrune = new RequestType<ImagePruneParams, ImagePruneResult, ErrorData>("image/prune");

export interface ImageChange {
  kind: "added" | "changed" | "removed";
  id: string;
  /** Absent when removed. */
  image?: ImageSummary;
}
export const imageDidChange = new NotificationType<ImageChange>("image/didChange");
