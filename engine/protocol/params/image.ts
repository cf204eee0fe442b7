import * as v from "valibot";
import { filters } from "./schema.ts";

export const ImagePullParams = v.object({
  /**
   * A registry reference, or `oci:DIR[:tag]`, `oci-archive:FILE`, `docker-archive:FILE`, `docker-daemon:REF`,
   * `containers-storage:REF`.
   */
  reference: v.string(),
  /** `os/arch[/variant]`; default: this machine's. */
  platform: v.exactOptional(v.string()),
  /** Directory of the user's Docker config.json, with the credentials; default: the engine's own. */
  dockerConfig: v.exactOptional(v.string()),
  /** Of the daemon that `docker-daemon:` means; default: the engine's own. */
  dockerHost: v.exactOptional(v.string()),
  /** Progress goes out as `$/progress` under this token ({@link PullProgress}). */
  progressToken: v.exactOptional(v.string()),
});
export type ImagePullParams = v.InferOutput<typeof ImagePullParams>;

export const ImageListParams = v.object({
  /**
   * Docker's filters: before, dangling, label, label!, reference, since, until. Labels must all hold; values
   * of another key are alternatives.
   */
  filters: v.exactOptional(filters),
});
export type ImageListParams = v.InferOutput<typeof ImageListParams>;

export const ImageInspectParams = v.object({
  /** Name, ID or unique ID prefix. */
  image: v.string(),
  /**
   * `os/arch[/variant]`: that of the image, or of another of the same index that was pulled;
   * NO_MATCHING_PLATFORM if there is none.
   */
  platform: v.exactOptional(v.string()),
});
export type ImageInspectParams = v.InferOutput<typeof ImageInspectParams>;

export const ImageRemoveParams = v.object({
  ...ImageInspectParams.entries,
  force: v.exactOptional(v.boolean()),
});
export type ImageRemoveParams = v.InferOutput<typeof ImageRemoveParams>;

export const ImageTagParams = v.object({ source: v.string(), target: v.string() });
export type ImageTagParams = v.InferOutput<typeof ImageTagParams>;

export const ImagePruneParams = v.object({
  /** All images without a VM, not only those without a name. */
  all: v.exactOptional(v.boolean()),
  /** Docker's filters: until, label, label!, dangling. */
  filters: v.exactOptional(filters),
});
export type ImagePruneParams = v.InferOutput<typeof ImagePruneParams>;
