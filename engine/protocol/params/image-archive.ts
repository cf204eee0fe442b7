import * as v from "valibot";
import { finiteNumber, strings } from "./schema.ts";

export const StreamUploadParams = v.object({});
export type StreamUploadParams = v.InferOutput<typeof StreamUploadParams>;

export const ImageSaveParams = v.object({
  /** Names or IDs; a name without a tag means all of its tags. */
  images: strings,
  /** `os/arch[/variant]` that the images must be of. */
  platform: v.exactOptional(v.string()),
});
export type ImageSaveParams = v.InferOutput<typeof ImageSaveParams>;

/**
 * A file that the engine reads itself if it sees the same one under that path; if not, it says
 * `details.unseen`.
 */
const SharedFile = v.object({
  /** Absolute. */
  path: v.string(),
  device: finiteNumber,
  inode: finiteNumber,
});
export type SharedFile = v.InferOutput<typeof SharedFile>;

export const ImageLoadParams = v.object({
  /** See {@link streamUpload}. One of the two is given. */
  upload: v.exactOptional(v.string()),
  file: v.exactOptional(SharedFile),
  /** What the archive is called in messages. */
  name: v.string(),
  platform: v.exactOptional(v.string()),
  /** Progress goes out as `$/progress` under this token (PullProgress). */
  progressToken: v.exactOptional(v.string()),
});
export type ImageLoadParams = v.InferOutput<typeof ImageLoadParams>;

export const ImageImportParams = v.object({
  /**
   * See {@link streamUpload}: a tar of a file system, compressed or not. Absent: the engine fetches it,
   * `source` is a URL.
   */
  upload: v.exactOptional(v.string()),
  /** What it is called in messages and in the image's history: `-`, a file or a URL. */
  source: v.string(),
  /** `repository[:tag]` */
  reference: v.exactOptional(v.string()),
  /** Instructions of a Dockerfile. */
  changes: v.exactOptional(strings),
  message: v.exactOptional(v.string()),
  platform: v.exactOptional(v.string()),
  /** What the engine fetches is told as `$/progress` under this token (PullProgress). */
  progressToken: v.exactOptional(v.string()),
});
export type ImageImportParams = v.InferOutput<typeof ImageImportParams>;
