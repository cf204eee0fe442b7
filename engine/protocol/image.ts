import { NotificationType, RequestType } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type {
  ImageInspectParams,
  ImageListParams,
  ImagePruneParams,
  ImagePullParams,
  ImageRemoveParams,
  ImageTagParams,
} from "./params/image.ts";

import type { Healthcheck } from "./params/vm-options.ts";

export type * from "./params/image.ts";

export interface ImageSummary {
  /** Digest of the image's configuration, `sha256:<64 hex>`: Docker's image ID. */
  id: string;
  /** Familiar `name:tag` references, e.g. `alpine:latest`, `127.0.0.1:5000/debian:latest`. */
  repoTags: string[];
  /** `name@sha256:…` of the manifest, as the registry knows it. */
  repoDigests: string[];
  /** RFC 3339. */
  created: string;
  /** Of the files of all layers. */
  sizeBytes: number;
  architecture: string;
  os: string;
  variant?: string;
  labels: Record<string, string>;
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
  /** Absent in records of older versions, too. */
  healthcheck?: Healthcheck;
}

export interface ImageDetails extends ImageSummary {
  manifestDigest: string;
  config: ImageRunConfig;
  layers: { digest: string; diffId: string; sizeBytes: number }[];
  author: string;
  /** What was said when the image was made. */
  comment?: string;
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
  /** While `preparing`: what of the downloaded layer has been unpacked. */
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

export const imageList = new RequestType<ImageListParams, ImageSummary[], ErrorData>("image/list");

/** An image for one platform, which an index lists or which has a name itself. */
export interface PlatformImage {
  /** Digest of its manifest. */
  id: string;
  /** `os/architecture[/variant]`. */
  platform: string;
  /** False: an index lists it, and it was not pulled. */
  isStored: boolean;
  /** What the store takes on the disk for it, blobs and all that is made of them; shared parts included. */
  diskBytes: number;
  /** What the blobs take of that, which would be pushed. */
  contentBytes: number;
  /** A VM was made from it. */
  isUsed: boolean;
}

/** What names stand for, with its platforms. */
export interface ImageTree {
  /** Digest of the index or manifest. */
  id: string;
  repoTags: string[];
  /** RFC 3339. */
  created: string;
  /** Parts that platforms share are counted once. */
  diskBytes: number;
  contentBytes: number;
  isUsed: boolean;
  platforms: PlatformImage[];
}
/** Newest first. */
export const imageTree = new RequestType<ImageListParams, ImageTree[], ErrorData>("image/tree");

export const imageInspect = new RequestType<ImageInspectParams, ImageDetails, ErrorData>("image/inspect");

export interface ImageRemoveResult {
  untagged: string[];
  deleted: string[];
}
export const imageRemove = new RequestType<ImageRemoveParams, ImageRemoveResult, ErrorData>("image/remove");

export const imageTag = new RequestType<ImageTagParams, null, ErrorData>("image/tag");

/** One step of an image's making. */
export interface ImageHistoryEntry {
  /** The image's ID for the newest step, `<missing>` for the others. */
  id: string;
  /** RFC 3339, or "". */
  created: string;
  createdBy: string;
  /** Of the files of the layer that the step made; 0 if it made none. */
  sizeBytes: number;
  comment: string;
}
/** Newest step first. */
export const imageHistory = new RequestType<ImageInspectParams, ImageHistoryEntry[], ErrorData>(
  "image/history",
);

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
