import { rm } from "node:fs/promises";
import { unlessAborted } from "../../../common/abort.ts";
import {
  canonical,
  canonicalName,
  familiar,
  parseReference,
  type Reference,
  splitTransport,
} from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { ImagePullParams, ImagePullResult } from "../../../protocol/image.ts";
import type { OnProgress } from "../layers/layer-progress.ts";
import { match, type Platform, parsePlatform } from "../oci/platform.ts";
import type { ImageCatalog } from "../records/image-catalog.ts";
import type { ImageRecord } from "../records/image-records.ts";
import { openRegistry, type RegistryAccess, type RegistryOptions } from "../registry/registry.ts";
import { naming } from "../registry/registry-errors.ts";
import { dockerArchiveSources } from "../sources/source-docker-archive.ts";
import { helloSource, helloTag } from "../sources/source-hello.ts";
import { ociArchiveSource, ociLayoutSource } from "../sources/source-oci.ts";
import { registrySource } from "../sources/source-registry.ts";
import { saveWithTool } from "../sources/source-tool.ts";
import type { ContentStore } from "../store/content-store.ts";
import { translateNoSpace } from "../store/no-space.ts";
import type { ImageIngester } from "./image-ingester.ts";

export interface PullOptions extends Pick<RegistryAccess, "credentials"> {
  signal?: AbortSignal | undefined;
  onProgress?: OnProgress | undefined;
}

export interface PullerOptions {
  /** How registries are reached. */
  registry?: RegistryOptions;
  /** The static program of the built-in image `hello`. */
  helloPath: string;
}

/** Pulls images by what people call them. */
export class ImagePuller {
  readonly #store: ContentStore;
  readonly #catalog: ImageCatalog;
  readonly #ingester: ImageIngester;
  readonly #options: PullerOptions;
  #helloFlight: Promise<ImageRecord> | undefined;

  constructor(store: ContentStore, catalog: ImageCatalog, ingester: ImageIngester, options: PullerOptions) {
    this.#store = store;
    this.#catalog = catalog;
    this.#ingester = ingester;
    this.#options = options;
  }

  /**
   * Pulls an image from a registry, a directory, an archive or another tool. Blobs and layers in the store
   * are neither fetched nor converted again, and those that a failed pull has stored are used by the next
   * one.
   */
  async pull(params: ImagePullParams, options: PullOptions = {}): Promise<ImagePullResult> {
    const signal = options.signal ?? new AbortController().signal;
    const onProgress = options.onProgress ?? (() => {});
    const platform = params.platform === undefined ? undefined : parsePlatform(params.platform);
    try {
      signal.throwIfAborted();
      const { transport, rest } = splitTransport(params.reference) ?? { rest: "" };
      switch (transport) {
        case "oci":
          return await this.#ingester.ingest(await ociLayoutSource(rest), platform, signal, onProgress);
        case "oci-archive": {
          const { source, close } = await ociArchiveSource(rest, this.#store.ingestDir, signal);
          try {
            return await this.#ingester.ingest(source, platform, signal, onProgress);
          } finally {
            await close();
          }
        }
        case "docker-archive":
          return await this.#ingestArchive(rest, platform, signal, onProgress);
        case "docker-daemon":
        case "containers-storage": {
          const reference = familiar(parseReference(rest));
          onProgress({ layer: "", status: "pulling", message: `Copying ${reference}` });
          const file = await saveWithTool(transport, reference, this.#store.ingestDir, {
            signal,
            dockerHost: params.dockerHost,
          });
          try {
            return await this.#ingestArchive(file, platform, signal, onProgress);
          } finally {
            await rm(file, { force: true });
          }
        }
      }
      const reference = parseReference(params.reference);
      if (canonicalName(reference) === "docker.io/library/scratch")
        throw new MockerError("INVALID_REFERENCE", "'scratch' is a reserved name", {
          hint: "It stands for an image with nothing in it, where images are built: there is none to pull.",
        });
      const access = { dockerConfig: params.dockerConfig, credentials: options.credentials };
      return await this.#pullReference(reference, platform, signal, onProgress, access);
    } catch (error) {
      if (signal.aborted)
        throw new MockerError("CANCELLED", `the pull of ${params.reference} was cancelled`, {
          hint: "What is downloaded already is kept and used by the next pull.",
        });
      throw naming(translateNoSpace(error), params.reference);
    }
  }

  async #pullReference(
    reference: Reference,
    platform: Platform | undefined,
    signal: AbortSignal,
    onProgress: OnProgress,
    access: RegistryAccess,
  ): Promise<ImagePullResult> {
    const name = canonical(reference);
    if (name === helloTag && platform === undefined) {
      const known = this.#catalog.records.all().find((record) => record.tags[helloTag] !== undefined);
      const record = known ?? (await this.hello(signal, onProgress));
      return {
        id: record.id,
        digest: record.tags[helloTag] ?? record.manifest.digest,
        reference: name,
        upToDate: known !== undefined,
      };
    }
    if (reference.digest !== undefined) {
      const wanted = `${canonicalName(reference)}@${reference.digest}`;
      const known = this.#catalog.records
        .all()
        .find((record) => record.repoDigests.includes(wanted) && fits(record, platform));
      if (known) return { id: known.id, digest: reference.digest, reference: name, upToDate: true };
    }
    const { awaited } = this.#catalog;
    if (reference.digest === undefined) awaited.set(name, (awaited.get(name) ?? 0) + 1);
    const client = openRegistry(this.#options.registry, access);
    try {
      const onRetry = (message: string): void => onProgress({ layer: "", status: "retrying", message });
      const source = await registrySource(client, reference, signal, onRetry);
      // Not before the registry has it: a pull that fails at once shows only its error.
      onProgress({
        layer: "",
        status: "pulling",
        message: `Pulling from ${reference.domain === "docker.io" ? reference.path : canonicalName(reference)}`,
      });
      const result = await this.#ingester.ingest(source, platform, signal, onProgress);
      return { ...result, reference: name };
    } finally {
      client.close();
      const left = (awaited.get(name) ?? 0) - 1;
      if (left > 0) awaited.set(name, left);
      else awaited.delete(name);
    }
  }

  async #ingestArchive(
    text: string,
    platform: Platform | undefined,
    signal: AbortSignal,
    onProgress: OnProgress,
  ): Promise<ImagePullResult> {
    const { sources, close } = await dockerArchiveSources(text, this.#store.ingestDir, signal);
    try {
      const results: ImagePullResult[] = [];
      for (const source of sources)
        results.push(await this.#ingester.ingest(source, platform, signal, onProgress));
      const [first] = results;
      if (!first) throw new MockerError("IMAGE_NOT_FOUND", `${text} has no image`);
      return first;
    } finally {
      await close();
    }
  }

  async hello(signal: AbortSignal, onProgress: OnProgress): Promise<ImageRecord> {
    this.#helloFlight ??= helloSource(this.#options.helloPath)
      // Not the caller's signal: others may wait for the same image, which takes no time to make.
      .then((source) => this.#ingester.ingest(source, undefined, new AbortController().signal, onProgress))
      .then(({ id }) => this.#catalog.records.get(id) as ImageRecord)
      .finally(() => {
        this.#helloFlight = undefined;
      });
    return await unlessAborted(this.#helloFlight, signal);
  }
}

function fits(record: ImageRecord, platform: Platform | undefined): boolean {
  return platform === undefined || match(platform, record) > 0;
}
