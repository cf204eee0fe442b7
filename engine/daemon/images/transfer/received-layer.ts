import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { temporaryName } from "../../../common/atomic-file.ts";
import type { Digest } from "../../../docker/digest.ts";
import { mediaTypes } from "../oci/manifest.ts";
import { blobDigests, compressionIn, decompress } from "../sources/decompress.ts";
import { spool } from "../sources/spool.ts";
import type { ContentStore } from "../store/content-store.ts";

/** A layer of an image to be, in a file of the store's that no blob is yet. */
export interface ReceivedLayer {
  path: string;
  digest: Digest;
  diffId: Digest;
  size: number;
  mediaType: string;
}

/**
 * Writes a layer to a file in the form in which it is stored, and computes its digests. A failure leaves
 * nothing.
 * @param name what it is called in messages
 */
export async function receiveLayer(
  store: ContentStore,
  chunks: AsyncIterable<Buffer>,
  name: string,
  signal: AbortSignal,
): Promise<ReceivedLayer> {
  const path = join(store.ingestDir, temporaryName("import"));
  const unpacked = join(store.ingestDir, temporaryName("import"));
  let file: FileHandle | undefined;
  try {
    await spool(chunks, path, signal);
    file = await open(path, "r+");
    const received = await compressionIn(file);
    // Layers stay compressed in the formats that registries take; others are kept as plain tars.
    if (received === "bzip2" || received === "xz") {
      await decompress(file, received, name, unpacked, signal);
      await file.close();
      await rename(unpacked, path);
      file = await open(path, "r+");
    }
    const { digest, diffId, compression } = await blobDigests(file, name, signal);
    await file.sync();
    const { size } = await file.stat();
    const suffix = compression === "none" ? "" : `+${compression}`;
    return { path, digest, diffId, size, mediaType: `${mediaTypes.ociLayer}${suffix}` };
  } catch (error) {
    await rm(path, { force: true });
    await rm(unpacked, { force: true });
    throw error;
  } finally {
    await file?.close();
  }
}
