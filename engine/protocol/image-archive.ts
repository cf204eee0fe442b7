import { RequestType } from "vscode-jsonrpc";
import type { ErrorData } from "./errors.ts";
import type {
  ImageImportParams,
  ImageLoadParams,
  ImageSaveParams,
  StreamUploadParams,
} from "./params/image-archive.ts";
import type { StreamRef } from "./stream.ts";

export type * from "./params/image-archive.ts";

/**
 * Begins an upload: the client opens the stream and sends stdin frames, an empty one last. What takes the
 * bytes is a request that names the upload; it may be sent at once. The stream is closed when the bytes are
 * no longer wanted.
 */
export const streamUpload = new RequestType<
  StreamUploadParams,
  { upload: string; stream: StreamRef },
  ErrorData
>("stream/upload");

/**
 * Stream of an archive that is an OCI layout and what `docker save` writes: stdout frames, an exit or error
 * frame last.
 */
export const imageSave = new RequestType<ImageSaveParams, { stream: StreamRef }, ErrorData>("image/save");

export interface ImageLoadResult {
  /** In the order of the archive. */
  images: { id: string; references: string[] }[];
  /** Names that other images had. */
  renamed: { reference: string; oldId: string }[];
}
export const imageLoad = new RequestType<ImageLoadParams, ImageLoadResult, ErrorData>("image/load");

export const imageImport = new RequestType<ImageImportParams, { id: string }, ErrorData>("image/import");
