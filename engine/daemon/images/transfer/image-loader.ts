import { familiar, parseReference } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { ImageLoadResult } from "../../../protocol/image-archive.ts";
import type { ImageIngester } from "../ingest/image-ingester.ts";
import type { PullOptions } from "../ingest/image-puller.ts";
import { type Platform, parsePlatform } from "../oci/platform.ts";
import type { ImageCatalog } from "../records/image-catalog.ts";
import { Archive } from "../sources/archive.ts";
import type { ImageSource } from "../sources/image-source.ts";
import { archivedImages } from "../sources/source-docker-archive.ts";
import { archivedLayout } from "../sources/source-oci.ts";
import type { ContentStore } from "../store/content-store.ts";
import { translateNoSpace } from "../store/no-space.ts";

export interface LoadOptions extends PullOptions {
  /**
   * `os/arch[/variant]`: of an image for several platforms, the one to take; of others, what they must be.
   */
  platform?: string | undefined;
}

/** Where an archive is: in a file, or on its way. */
export type ArchiveBytes = { path: string } | { name: string; chunks: AsyncIterable<Buffer> };

/** Docker's `load`: all images of an archive, be it docker's, an OCI layout or both, compressed or not. */
export class ImageLoader {
  readonly #store: ContentStore;
  readonly #catalog: ImageCatalog;
  readonly #ingester: ImageIngester;

  constructor(store: ContentStore, catalog: ImageCatalog, ingester: ImageIngester) {
    this.#store = store;
    this.#catalog = catalog;
    this.#ingester = ingester;
  }

  async load(bytes: ArchiveBytes, options: LoadOptions = {}): Promise<ImageLoadResult> {
    const signal = options.signal ?? new AbortController().signal;
    const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
    const name = "path" in bytes ? bytes.path : bytes.name;
    const directory = this.#store.ingestDir;
    let archive: Archive | undefined;
    try {
      archive =
        "path" in bytes
          ? await Archive.open(bytes.path, directory, signal)
          : await Archive.receive(bytes.chunks, name, directory, signal);
      const result: ImageLoadResult = { images: [], renamed: [] };
      for await (const source of this.#sources(archive, name, signal))
        await this.#loadOne(source, platform, signal, options, result);
      return result;
    } catch (error) {
      if (signal.aborted)
        throw new MockerError("CANCELLED", `the load of ${name} was cancelled`, {
          hint: "Images that were loaded already stay.",
        });
      throw translateNoSpace(error);
    } finally {
      await archive?.close();
    }
  }

  async *#sources(archive: Archive, name: string, signal: AbortSignal): AsyncGenerator<ImageSource> {
    // Its manifests are the images' own; those for a manifest.json would be made here.
    if (archive.has("index.json") && archive.has("oci-layout")) yield* archivedLayout(archive, name);
    else if (archive.has("manifest.json")) yield* await archivedImages(archive, name, signal);
    else
      throw new MockerError("IMAGE_INVALID", `${name} has no images: neither manifest.json nor index.json`, {
        hint: "It should be what docker save, podman save or skopeo wrote. A root file system is taken by: mocker import",
      });
  }

  async #loadOne(
    source: ImageSource,
    platform: Platform | undefined,
    signal: AbortSignal,
    options: PullOptions,
    result: ImageLoadResult,
  ): Promise<void> {
    const holders = source.tags.map((tag) => ({
      tag,
      holder: this.#catalog.records.all().find((record) => record.tags[tag] !== undefined),
    }));
    const { id } = await this.#ingester.ingest(source, platform, signal, options.onProgress ?? (() => {}));
    for (const { tag, holder } of holders)
      if (holder && holder.id !== id)
        result.renamed.push({ reference: familiar(parseReference(tag)), oldId: holder.id });
    result.images.push({ id, references: source.tags.map((tag) => familiar(parseReference(tag))) });
  }
}
