import { RequestType } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type { StreamRef } from "./stream.ts";

/**
 * Begins an upload: the client opens the stream and sends stdin frames, an empty one last. What takes the bytes is a request that names the
 * upload; it may be sent at once. The stream is closed when the bytes are no longer wanted.
 */
export const streamUpload = new RequestType<
  Record<string, never>,
  { upload: string; stream: StreamRef },
  ErrorData
>("stream/upload");

export interface ImageSaveParams {
  /** Names or IDs; a name without a tag means all of its tags. */
  images: string[];
  /** `os/arch[/variant]` that the images must be of. */
  platform?: string;
}
/** Stream of an archive that is an OCI layout and what `docker save` writes: stdout frames, an exit or error frame last. */
export const imageSave = new RequestType<ImageSaveParams, { stream: StreamRef }, ErrorData>("image/save");

/** A file that the engine reads itself if it sees the same one under that path; if not, it says `details.unseen`. */
export interface SharedFile {
  /** Absolute. */
  path: string;
  device: number;
  inode: number;
}

export interface ImageLoadParams {
  /** See {@link streamUpload}. One of the two is given. */
  upload?: string;
  file?: SharedFile;
  /** What the archive is called in messages. */
  name: string;
  platform?: string;
  /** Progress goes out as `$/progress` under this token (PullProgress). */
  progressToken?: string;
}
export interface ImageLoadResult {
  /** In the order of the archive. */
  images: { id: string; references: string[] }[];
  /** Names that other images had. */
  renamed: { reference: string; oldId: string }[];
}
export const imageLoad = new RequestType<ImageLoadParams, ImageLoadResult, ErrorData>("image/load");

export interface ImageImportParams {
  /** See {@link streamUpload}: a tar of a file system, compressed or not. Absent: the engine fetches it, `source` is a URL. */
  upload?: string;
  /** What it is called in messages and in the image's history: `-`, a file or a URL. */
  source: string;
  /** `repository[:tag]` */
  reference?: string;
  /** Instructions of a Dockerfile. */
  changes?: string[];
  message?: string;
  platform?: string;
  /** What the engine fetches is told as `$/progress` under this token (PullProgress). */
  progressToken?: string;
}
export const imageImport = new RequestType<ImageImportParams, { id: string }, ErrorData>("image/import");
