import { applyChanges } from "../../../docker/config-changes.ts";
import { type Digest, digestOf, shortDigest } from "../../../docker/digest.ts";
import { canonical, parseReference } from "../../../docker/reference.ts";
import { MockerError, scrub } from "../../../protocol/errors.ts";
import type { ImageImportParams } from "../../../protocol/image-archive.ts";
import type { ImageIngester } from "../ingest/image-ingester.ts";
import type { PullOptions } from "../ingest/image-puller.ts";
import { memoryBlobs } from "../oci/blob-source.ts";
import { mediaTypes } from "../oci/manifest.ts";
import { hostPlatform, parsePlatform } from "../oci/platform.ts";
import type { ImageSource } from "../sources/image-source.ts";
import type { ContentStore } from "../store/content-store.ts";
import type { Garbage } from "../store/garbage.ts";
import { translateNoSpace } from "../store/no-space.ts";
import { type ReceivedLayer, receiveLayer } from "./received-layer.ts";

export type ImportParams = Omit<ImageImportParams, "upload" | "source" | "progressToken">;

/** Docker's `import`: an image of one layer from the tar of a file system. */
export class ImageImporter {
  readonly #store: ContentStore;
  readonly #garbage: Garbage;
  readonly #ingester: ImageIngester;

  constructor(store: ContentStore, garbage: Garbage, ingester: ImageIngester) {
    this.#store = store;
    this.#garbage = garbage;
    this.#ingester = ingester;
  }

  /** Returns the image's ID. `name` is what the tar is called in messages and in the image's history. */
  async import(
    chunks: AsyncIterable<Buffer>,
    name: string,
    params: ImportParams,
    options: PullOptions = {},
  ): Promise<Digest> {
    const signal = options.signal ?? new AbortController().signal;
    const platform = params.platform === undefined ? hostPlatform() : parsePlatform(params.platform);
    // Mistakes are said before gigabytes are read.
    const config = applyChanges({}, params.changes ?? []);
    const reference = params.reference === undefined ? undefined : parseReference(params.reference);
    if (reference?.digest !== undefined)
      throw new MockerError("INVALID_REFERENCE", "cannot import digest reference");
    // Docker's client sends files too as if they came through a pipe.
    const shown = name === "-" ? "the archive" : name;
    const pins: string[] = [];
    let layer: ReceivedLayer | undefined;
    try {
      layer = await receiveLayer(this.#store, chunks, name, signal);
      this.#garbage.pin(pins, layer.digest, layer.diffId);
      const created = new Date().toISOString();
      const comment = params.message ?? `Imported from ${scrub(name)}`;
      const image = Buffer.from(
        JSON.stringify({
          created,
          architecture: platform.architecture,
          ...(platform.variant === "" ? {} : { variant: platform.variant }),
          os: platform.os,
          comment,
          config,
          rootfs: { type: "layers", diff_ids: [layer.diffId] },
          history: [{ created, comment }],
        }),
      );
      const source = imageSource(shown, image, layer, reference === undefined ? [] : [canonical(reference)]);
      // Replaces a blob that the store has: it may be damaged, and its readers keep the old file open.
      this.#store.adoptFile(layer.digest, layer.path);
      const { id } = await this.#ingester.ingest(source, platform, signal, options.onProgress ?? (() => {}));
      return id;
    } catch (error) {
      if (signal.aborted) throw new MockerError("CANCELLED", `the import of ${name} was cancelled`);
      throw isInvalid(error) ? refusal(error, shown, layer) : translateNoSpace(error);
    } finally {
      // Nothing stays of a refused archive.
      await this.#garbage.release(pins);
    }
  }
}

function isInvalid(error: unknown): error is MockerError {
  return error instanceof MockerError && error.code === "IMAGE_INVALID";
}

/** Words the error for a user who knows of an archive, not of images and layers. */
function refusal(error: MockerError, shown: string, layer: ReceivedLayer | undefined): MockerError {
  const reason =
    layer === undefined
      ? error.message
      : error.message.replace(`${shown}, layer 1 of 1 (${shortDigest(layer.digest)}): `, "");
  return new MockerError("IMAGE_INVALID", `cannot import ${shown}: ${reason}`, {
    hint: "Give the tar archive of a root file system, as it is or compressed with gzip, bzip2, xz or zstd.",
    cause: error,
  });
}

function imageSource(name: string, config: Buffer, layer: ReceivedLayer, tags: string[]): ImageSource {
  const configDigest = digestOf(config);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: configDigest, size: config.length },
      layers: [{ mediaType: layer.mediaType, digest: layer.digest, size: layer.size }],
    }),
  );
  return {
    name,
    top: { bytes: manifest, contentType: mediaTypes.ociManifest, digest: digestOf(manifest) },
    manifest: () => Promise.reject(new Error("an imported image has one manifest")),
    // The layer is in the store.
    blobs: memoryBlobs(new Map([[configDigest, config]])),
    tags,
    repository: undefined,
  };
}
