import { lstatSync } from "node:fs";
import type { Digest } from "../../../docker/digest.ts";
import { canonical, tryParseReference } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { blobFault } from "../layers/layer-check.ts";
import { fileBlobs } from "../oci/blob-source.ts";
import { type Descriptor, maximumManifestBytes, parseManifest } from "../oci/manifest.ts";
import type { ImageCatalog } from "../records/image-catalog.ts";
import type { ContentStore, LayoutEntry } from "../store/content-store.ts";
import type { Garbage } from "../store/garbage.ts";
import type { ImageIngester } from "./image-ingester.ts";

/**
 * An image that another program has put into the store: its manifest or index, and the names that it gave it.
 */
export interface ForeignImage {
  digest: Digest;
  mediaType: string;
  size: number;
  /** Canonical references. */
  tags: string[];
  /** Name in messages. */
  name: string;
}

const maximumNesting = 3;

/**
 * Takes over images that other programs (`skopeo copy docker://… oci:STORE:NAME`) have put into the store:
 * those whose manifests and blobs are all there and sound. Until that is decided, and if it is not, they are
 * left as they are.
 */
export class ImageAdopter {
  readonly #store: ContentStore;
  readonly #catalog: ImageCatalog;
  readonly #garbage: Garbage;
  readonly #ingester: ImageIngester;

  constructor(store: ContentStore, catalog: ImageCatalog, garbage: Garbage, ingester: ImageIngester) {
    this.#store = store;
    this.#catalog = catalog;
    this.#garbage = garbage;
    this.#ingester = ingester;
  }

  /** The images in index.json that are not our own. */
  images(): ForeignImage[] {
    const images = new Map<Digest, ForeignImage>();
    for (const entry of this.#catalog.foreign()) {
      const { digest, mediaType, size, name } = entry;
      const image = images.get(digest) ?? { digest, mediaType, size, tags: [], name: name ?? digest };
      const tag = tagOf(entry);
      if (tag !== undefined) image.tags.push(tag);
      images.set(digest, image);
    }
    return [...images.values()];
  }

  /** Every blob of the foreign images, as far as their manifests can be read: none of them is garbage. */
  keys(): Set<Digest> {
    const keys = new Set<Digest>();
    for (const image of this.images()) {
      try {
        for (const { digest } of this.#blobs(image)) keys.add(digest);
      } catch {
        keys.add(image.digest);
      }
    }
    return keys;
  }

  /** Why an image cannot be taken over; undefined if it can. Reads its layers if `deep`. */
  async fault(image: ForeignImage, deep: boolean, signal: AbortSignal): Promise<string | undefined> {
    try {
      for (const { digest, size } of this.#blobs(image)) {
        const isFile = lstatSync(this.#store.blobPath(digest), { throwIfNoEntry: false })?.isFile();
        const fault =
          isFile === false ? "is no file" : await blobFault(this.#store, digest, size, deep, signal);
        if (fault !== undefined) return `its blob ${digest} ${fault}`;
      }
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MockerError) return error.message;
      throw error;
    }
  }

  /**
   * Makes a foreign image one of ours: digests are verified and layers converted, as if it were pulled from
   * where it is. @throws MockerError
   */
  async adopt(image: ForeignImage, signal: AbortSignal): Promise<void> {
    const { digest, mediaType, tags, name } = image;
    const pins: string[] = [];
    try {
      const fault = await this.fault(image, true, signal);
      if (fault !== undefined) throw new MockerError("IMAGE_INVALID", fault);
      this.#garbage.pin(pins, ...this.keys());
      const records = this.#catalog.records.all();
      const isKnown = this.#blobs(image).some((blob) => records.some(({ id }) => id === blob.digest));
      // An image that we have gets new names only; those that it has lost to another image since are not
      // taken back.
      const names = isKnown
        ? tags.filter((tag) => records.every((record) => record.tags[tag] === undefined))
        : tags;
      if (isKnown && names.length === 0) {
        this.#catalog.forgetForeign(digest);
        return;
      }
      await this.#ingester.ingest(
        {
          name,
          top: { bytes: this.#store.readBlob(digest), contentType: mediaType, digest },
          manifest: async (wanted) => ({ bytes: this.#store.readBlob(wanted), contentType: "" }),
          blobs: fileBlobs((wanted) => this.#store.blobPath(wanted)),
          tags: names,
          repository: undefined,
        },
        undefined,
        signal,
        () => {},
      );
      this.#catalog.forgetForeign(digest);
    } finally {
      this.#garbage.unpin(pins);
    }
  }

  /** Takes an image off the list; its blobs are garbage then. */
  reject({ digest }: ForeignImage): void {
    this.#catalog.forgetForeign(digest);
  }

  /** Manifests, configurations and layers, each once. @throws MockerError for what is no image */
  #blobs({ digest, mediaType, size }: ForeignImage): Pick<Descriptor, "digest" | "size">[] {
    const blobs = new Map<Digest, Pick<Descriptor, "digest" | "size">>();
    const read = (descriptor: Pick<Descriptor, "digest" | "size" | "mediaType">, depth: number): void => {
      if (blobs.has(descriptor.digest)) return;
      blobs.set(descriptor.digest, descriptor);
      const stat = lstatSync(this.#store.blobPath(descriptor.digest), { throwIfNoEntry: false });
      // Missing parts of an index are other platforms', perhaps; what is left of a manifest says that it is
      // missing.
      if (!stat?.isFile() || stat.size > maximumManifestBytes) return;
      const manifest = parseManifest(
        this.#store.readBlob(descriptor.digest),
        descriptor.mediaType,
        descriptor.digest,
      );
      if (manifest.kind === "manifest") {
        for (const blob of [manifest.config, ...manifest.layers]) blobs.set(blob.digest, blob);
        return;
      }
      if (depth === maximumNesting)
        throw new MockerError("IMAGE_INVALID", `indexes are nested more than ${maximumNesting} deep`);
      for (const child of manifest.manifests) if (this.#store.hasBlob(child)) read(child, depth + 1);
    };
    read({ digest, mediaType, size }, 0);
    return [...blobs.values()];
  }
}

/** A layout's name as a reference, if it is one: `skopeo copy … oci:STORE:box` means the image box. */
function tagOf({ name, canonicalName }: LayoutEntry): string | undefined {
  for (const text of [canonicalName, name]) {
    if (text === undefined) continue;
    const reference = tryParseReference(text);
    if (reference !== undefined && reference.digest === undefined) return canonical(reference);
  }
  return undefined;
}
