import { RequestType } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type {
  ImagePushParams,
  ImageSearchParams,
  ManifestInspectParams,
  RegistryLoginParams,
  RegistryServerParams,
  RegistryTagsParams,
} from "./params/registry.ts";

export type * from "./params/registry.ts";

/** Requests of clients that reach out to registries; pulls are in image.ts. */

export interface PushProgress {
  /** Short layer id (12 hex), or "" for a line about the whole image. */
  layer: string;
  status: "preparing" | "waiting" | "pushing" | "pushed" | "exists" | "mounted" | "retrying";
  currentBytes?: number;
  totalBytes?: number;
  /** Of "mounted": the repository that the registry has it from. */
  message?: string;
}

export interface PushedTag {
  tag: string;
  /** Digest of the manifest or index that the tag names now. */
  digest: string;
  /** Bytes of that manifest or index. */
  size: number;
  /**
   * Digest of the index that the tag names here: not all that it lists is here, so that the image's manifest
   * alone was pushed.
   */
  insteadOfIndex?: string;
}

export interface ImagePushResult {
  /** Canonical name of the repository, e.g. `docker.io/library/alpine`. */
  repository: string;
  tags: PushedTag[];
}
export const imagePush = new RequestType<ImagePushParams, ImagePushResult, ErrorData>("image/push");

/** All tags of a repository in its registry. */
export const registryTags = new RequestType<RegistryTagsParams, { tags: string[] }, ErrorData>(
  "registry/tags",
);

export interface RegistryLoginResult {
  /** The file that holds the password unencrypted; absent when a credential helper keeps it. */
  storedIn?: string;
}
/** Checks a name and a password with a registry, and keeps them as `docker login` does. */
export const registryLogin = new RequestType<RegistryLoginParams, RegistryLoginResult, ErrorData>(
  "registry/login",
);

/** Whose credentials are kept for a server; "" for nobody's. */
export const registryLoginName = new RequestType<
  RegistryServerParams,
  { username: string; server: string },
  ErrorData
>("registry/loginName");

/** Forgets credentials; `server` of the result is what Docker calls it. */
export const registryLogout = new RequestType<RegistryServerParams, { server: string }, ErrorData>(
  "registry/logout",
);

export interface SearchResult {
  name: string;
  description: string;
  stars: number;
  official: boolean;
  automated: boolean;
}
export const imageSearch = new RequestType<ImageSearchParams, SearchResult[], ErrorData>("image/search");

/** A manifest as its registry has it. */
export interface ManifestDocument {
  /** `NAME:TAG` or `NAME:TAG@DIGEST`, as `docker manifest inspect` prints it. */
  reference: string;
  mediaType: string;
  digest: string;
  /** The bytes, which are UTF-8. */
  text: string;
  platform?: { architecture: string; os: string; variant?: string };
}

export interface ManifestInspectResult {
  top: ManifestDocument;
  /** Of an index, what it lists; empty unless `verbose`. */
  manifests: ManifestDocument[];
}
/** Looks at a manifest in a registry. */
export const manifestInspect = new RequestType<ManifestInspectParams, ManifestInspectResult, ErrorData>(
  "manifest/inspect",
);
