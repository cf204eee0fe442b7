import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import type { Digest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { type Descriptor, invalidImage, maximumManifestBytes } from "./manifest.ts";

/** Where the bytes of blobs come from: a registry, a directory, an archive. */
export interface BlobSource {
  /** The blob from byte `offset` on; `start` is where the stream really begins, at most `offset`. */
  open(
    descriptor: Descriptor,
    offset: number,
    signal: AbortSignal,
    onRetry: (message: string) => void,
  ): Promise<{ start: number; stream: Readable }>;
  /** Whether a stream that ends too early is worth another try. */
  readonly resumable: boolean;
}

/** Blobs that are files; `path` tells where. */
export function fileBlobs(path: (digest: Digest) => string): BlobSource {
  return {
    resumable: false,
    open: async ({ digest }, offset) => {
      // open(2) on a FIFO blocks until a writer appears.
      if ((await stat(path(digest)).catch(() => undefined))?.isFile() === false)
        throw new MockerError("IMAGE_INVALID", `the blob ${digest} is no file`);
      return {
        start: offset,
        stream: createReadStream(path(digest), { start: offset, highWaterMark: 256 * 1024 }),
      };
    },
  };
}

/** Blobs that are in memory. */
export function memoryBlobs(blobs: ReadonlyMap<Digest, Buffer>): BlobSource {
  return {
    resumable: false,
    open: async ({ digest }, offset) => {
      const bytes = blobs.get(digest);
      if (!bytes) throw new Error(`no blob ${digest}`);
      return { start: offset, stream: Readable.from([bytes.subarray(offset)]) };
    },
  };
}

/**
 * A small blob as a whole, not verified. `name` is the image's, for messages.
 * @throws IMAGE_INVALID for one of more than `limit` bytes; REGISTRY_UNREACHABLE after several cut
 * connections
 */
export async function readSmallBlob(
  blobs: BlobSource,
  descriptor: Descriptor,
  name: string,
  signal: AbortSignal,
  limit = maximumManifestBytes,
): Promise<Buffer> {
  if (descriptor.size > limit)
    throw invalidImage(name, `its configuration has ${descriptor.size} bytes; at most ${limit} are allowed`);
  for (let attempt = 0; ; attempt++) {
    const { stream } = await blobs.open(descriptor, 0, signal, () => {});
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      for await (const chunk of stream) {
        length += (chunk as Buffer).length;
        if (length > descriptor.size) break;
        chunks.push(chunk as Buffer);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!blobs.resumable)
        throw invalidImage(name, `${descriptor.digest} cannot be read: ${(error as Error).message}`);
      if (attempt >= 3)
        throw new MockerError("REGISTRY_UNREACHABLE", `${name}: the connection was cut again and again`, {
          cause: error,
        });
      continue;
    } finally {
      stream.destroy();
    }
    if (length === descriptor.size) return Buffer.concat(chunks);
    throw invalidImage(name, `${descriptor.digest} has ${length} bytes instead of ${descriptor.size}`);
  }
}
