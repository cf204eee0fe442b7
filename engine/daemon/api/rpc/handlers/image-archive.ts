import { statSync } from "node:fs";
import { MockerError } from "../../../../protocol/errors.ts";
import type { PullProgress } from "../../../../protocol/image.ts";
import {
  imageImport,
  imageLoad,
  imageSave,
  type SharedFile,
  streamUpload,
} from "../../../../protocol/image-archive.ts";
import * as params from "../../../../protocol/params/image-archive.ts";
import type { ImageStore } from "../../../images/image-store.ts";
import type { RpcConnection } from "../rpc-connection.ts";
import type { StreamServer } from "../stream-server.ts";
import type { Uploads } from "../uploads.ts";

export interface ImageArchiveServices {
  images: Pick<ImageStore, "download" | "import" | "load" | "save">;
  streams: StreamServer;
  uploads: Uploads;
}

/** What saves images as archives, and makes images of archives. */
export function bindImageArchives(
  rpc: RpcConnection,
  { images, streams, uploads }: ImageArchiveServices,
): void {
  rpc.handle(streamUpload, params.StreamUploadParams, () => uploads.begin());
  rpc.handle(imageSave, params.ImageSaveParams, (request) => ({
    stream: streams.offerBytes(images.save(request.images, request.platform)),
  }));
  rpc.handle(imageLoad, params.ImageLoadParams, ({ upload, file, name, platform, progressToken }, signal) => {
    const options = { platform, signal, onProgress: rpc.progress<PullProgress>(progressToken) };
    if (file) return images.load({ path: seenFile(file) }, options);
    return uploads.take(upload ?? "", signal, (chunks) => images.load({ name, chunks }, options));
  });
  rpc.handle(imageImport, params.ImageImportParams, async (request, signal) => {
    const { upload, source, progressToken, ...options } = request;
    const report = rpc.progress<PullProgress>(progressToken);
    const take = (chunks: AsyncIterable<Buffer>): Promise<string> =>
      images.import(chunks, source, options, { signal });
    if (upload !== undefined) return { id: await uploads.take(upload, signal, take) };
    const file = images.download(source, signal, (bytes) =>
      report({ layer: "", status: "downloading", ...bytes }),
    );
    return { id: await take(file) };
  });
}

/** The client's file, if that is the file that we see. */
function seenFile({ path, device, inode }: SharedFile): string {
  const seen = statSync(path, { throwIfNoEntry: false });
  if (seen?.isFile() && seen.dev === device && seen.ino === inode) return path;
  throw new MockerError("INVALID_ARGUMENT", `the engine does not see the file ${path}`, {
    details: { unseen: true },
  });
}
