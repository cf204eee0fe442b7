import type { Digest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { ImagePushParams, ImagePushResult, PushProgress } from "../../../protocol/registry.ts";
import type { ImageCatalog } from "../records/image-catalog.ts";
import { openRegistry, type RegistryAccess, type RegistryOptions } from "../registry/registry.ts";
import { naming } from "../registry/registry-errors.ts";
import type { ContentStore } from "../store/content-store.ts";
import type { Garbage } from "../store/garbage.ts";
import { pushImage } from "./push.ts";

export interface PushOptions extends Pick<RegistryAccess, "credentials"> {
  signal: AbortSignal;
  onProgress: (progress: PushProgress) => void;
}

/** Sends images to registries. */
export class ImagePusher {
  readonly #store: ContentStore;
  readonly #catalog: ImageCatalog;
  readonly #garbage: Garbage;
  readonly #registry: RegistryOptions | undefined;

  constructor(
    store: ContentStore,
    catalog: ImageCatalog,
    garbage: Garbage,
    registry: RegistryOptions | undefined,
  ) {
    this.#store = store;
    this.#catalog = catalog;
    this.#garbage = garbage;
    this.#registry = registry;
  }

  /** Sends an image to a registry, see push.ts. The image's data is not removed meanwhile. */
  async push(params: ImagePushParams, options: PushOptions): Promise<ImagePushResult> {
    const { dockerConfig } = params;
    const client = openRegistry(this.#registry, { dockerConfig, credentials: options.credentials });
    const pins: string[] = [];
    try {
      const result = await pushImage(params, {
        ...options,
        client,
        store: this.#store,
        records: this.#catalog.records.all(),
        pin: (digests) => this.#garbage.pin(pins, ...digests),
      });
      for (const { tag, digest } of result.tags) this.#notePushed(result.repository, tag, digest);
      return result;
    } catch (error) {
      if (options.signal.aborted)
        throw new MockerError("CANCELLED", `the push of ${params.reference} was cancelled`);
      throw naming(error, params.reference);
    } finally {
      client.close();
      await this.#garbage.release(pins);
    }
  }

  /** As Docker: from now on the image has that registry's digest. */
  #notePushed(repository: string, tag: string, digest: Digest): void {
    const { records } = this.#catalog;
    const record = records.all().find(({ tags }) => tags[`${repository}:${tag}`] !== undefined);
    const name = `${repository}@${digest}`;
    if (record !== undefined && !record.repoDigests.includes(name))
      this.#catalog.update(record, { ...record, repoDigests: [...record.repoDigests, name] });
  }
}
