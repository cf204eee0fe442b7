import { existsSync } from "node:fs";
import { chainId, type Digest, digestOf, shortDigest, verifyDigest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { ImagePullResult } from "../../../protocol/image.ts";
import type { OnProgress } from "../layers/layer-progress.ts";
import type { LayerStore } from "../layers/layer-store.ts";
import { readSmallBlob } from "../oci/blob-source.ts";
import { type Descriptor, type ImageConfig, type ImageManifest, parseConfig } from "../oci/manifest.ts";
import { formatPlatform, hostPlatform, match, normalize, type Platform } from "../oci/platform.ts";
import type { ImageCatalog } from "../records/image-catalog.ts";
import { describeImage } from "../records/image-description.ts";
import { type AttestationRecord, type ImageRecord, withAttestations } from "../records/image-records.ts";
import { LayerMerge } from "../rootfs/layer-merge.ts";
import type { RootStore } from "../rootfs/root-store.ts";
import { type ImageSource, resolveManifest } from "../sources/image-source.ts";
import type { ContentStore } from "../store/content-store.ts";
import type { DeferredSync } from "../store/deferred-sync.ts";
import type { Garbage } from "../store/garbage.ts";
import { withSpaceNeeded } from "../store/no-space.ts";
import { hasAttestations, ingestAttestations } from "./attestations.ts";
import { SharedReads } from "./shared-reads.ts";

export interface ImageIngesterDeps {
  store: ContentStore;
  catalog: ImageCatalog;
  garbage: Garbage;
  layers: LayerStore;
  roots: RootStore;
  sync: DeferredSync;
}

/**
 * Layers ingested at once: one more than Docker has, so that two cores are busy also while one layer lags
 * behind.
 */
const concurrentLayers = 4;

/**
 * Ingests an image from a source into the store. Blobs and layers in the store are neither fetched nor
 * converted again, and those that a failed attempt has stored are used by the next one.
 */
export class ImageIngester {
  readonly #store: ContentStore;
  readonly #catalog: ImageCatalog;
  readonly #garbage: Garbage;
  readonly #layers: LayerStore;
  readonly #roots: RootStore;
  readonly #sync: DeferredSync;
  readonly #configs = new SharedReads();

  constructor(deps: ImageIngesterDeps) {
    this.#store = deps.store;
    this.#catalog = deps.catalog;
    this.#garbage = deps.garbage;
    this.#layers = deps.layers;
    this.#roots = deps.roots;
    this.#sync = deps.sync;
  }

  /**
   * Manifest, configuration, layers, disk, record: in this order, so that a record never promises what is not
   * there.
   */
  async ingest(
    source: ImageSource,
    platform: Platform | undefined,
    outer: AbortSignal,
    onProgress: OnProgress,
  ): Promise<ImagePullResult> {
    const pins: string[] = [];
    const releases: (() => void)[] = [];
    const failed = new AbortController();
    const signal = AbortSignal.any([outer, failed.signal]);
    const merge = new LayerMerge();
    try {
      const named = source.top.digest;
      const wanted = platform ?? hostPlatform();
      const { bytes, digest, manifest, attestations } = await resolveManifest(
        { ...source, manifest: (next) => this.#manifest(source, next, signal) },
        wanted,
        signal,
      );
      this.#garbage.pin(
        pins,
        digest,
        manifest.config.digest,
        ...manifest.layers.map((layer) => layer.digest),
      );

      const configBytes = await this.#config(source, manifest.config, signal, releases);
      const config = parseConfig(configBytes, source.name, manifest.layers.length);
      this.#checkPlatform(source, config, platform, onProgress);

      const known = this.#catalog.records.get(manifest.config.digest);
      const reference =
        source.tags[0] ??
        (source.repository === undefined ? manifest.config.digest : `${source.repository}@${named}`);
      const ingestAttested = async (): Promise<AttestationRecord[]> =>
        await ingestAttestations(
          source,
          attestations,
          this.#store,
          (wanted) => this.#garbage.pin(pins, wanted),
          signal,
        );
      if (
        known?.manifest.digest === digest &&
        isNamed(known, source) &&
        this.#isWhole(manifest, { digest, size: bytes.length }, config.diffIds)
      ) {
        this.#keepIndex(source);
        if (!hasAttestations(this.#store, known.attestations ?? [], attestations)) {
          // Older versions stored no attestations, or they were damaged.
          const ingested = await ingestAttested();
          const current = this.#catalog.records.get(known.id);
          if (current && ingested.length > 0) {
            this.#store.syncBlobs();
            this.#catalog.update(current, withAttestations(current, ingested));
          }
        }
        return { id: known.id, digest: named, reference, upToDate: true };
      }

      const chain = chainId(config.diffIds);
      this.#garbage.pin(pins, chain, ...config.diffIds);
      await this.#ingestLayers(
        source,
        manifest.layers,
        config.diffIds,
        merge,
        signal,
        failed,
        onProgress,
      ).catch((error: unknown) => {
        throw withSpaceNeeded(error, this.#store, source.name, manifest.layers, config.diffIds);
      });
      await this.#roots.disk(chain, config.diffIds, source.name, merge);
      const attested = await ingestAttested();
      this.#store.writeBlob(configBytes, manifest.config.digest);
      this.#store.writeBlob(bytes, digest);
      this.#keepIndex(source);
      signal.throwIfAborted();

      const record = this.#record(source, { digest, size: bytes.length }, manifest, config);
      this.#store.syncBlobs();
      this.#catalog.commit(withAttestations(record, attested), source.tags);
      this.#sync.schedule();
      return { id: record.id, digest: named, reference, upToDate: false };
    } finally {
      merge.close();
      for (const release of releases) release();
      this.#garbage.unpin(pins);
    }
  }

  /** Whether the store has all that the image needs. */
  #isWhole(
    manifest: ImageManifest,
    self: Pick<Descriptor, "digest" | "size">,
    diffIds: readonly Digest[],
  ): boolean {
    const { config, layers } = manifest;
    return (
      [self, config, ...layers].every((blob) => this.#store.hasBlob(blob)) &&
      diffIds.every((diffId) => this.#store.hasLayer(diffId))
    );
  }

  /** The record of the image, with the names that it was given meanwhile. */
  #record(
    { top, tags, repository }: ImageSource,
    self: Pick<Descriptor, "digest" | "size">,
    manifest: ImageManifest,
    config: ImageConfig,
  ): ImageRecord {
    const known = this.#catalog.records.get(manifest.config.digest);
    const repoDigests = new Set(known?.repoDigests);
    if (repository !== undefined) repoDigests.add(`${repository}@${top.digest}`);
    return {
      ...describeImage(this.#store, self, manifest, config),
      tags: { ...known?.tags, ...Object.fromEntries(tags.map((tag) => [tag, top.digest])) },
      repoDigests: [...repoDigests],
      ...(known?.attestations === undefined ? {} : { attestations: known.attestations }),
    };
  }

  async #config(
    source: ImageSource,
    descriptor: Descriptor,
    signal: AbortSignal,
    releases: (() => void)[],
  ): Promise<Buffer> {
    const { digest } = descriptor;
    if (this.#store.hasBlob(descriptor)) return this.#store.readBlob(digest);
    const load = async (stop: AbortSignal): Promise<Buffer> => {
      const bytes = await readSmallBlob(source.blobs, descriptor, source.name, stop);
      verifyDigest(bytes, digest, source.name);
      return bytes;
    };
    const { bytes, release } = await this.#configs.read(digest, load, signal);
    releases.push(release);
    return bytes;
  }

  /** Keeps the index or manifest that a tag named, so that the image can be pushed as it was pulled. */
  #keepIndex({ top }: ImageSource): void {
    if (digestOf(top.bytes) === top.digest) this.#store.writeBlob(top.bytes, top.digest);
  }

  async #ingestLayers(
    source: ImageSource,
    layers: readonly Descriptor[],
    diffIds: readonly Digest[],
    merge: LayerMerge,
    signal: AbortSignal,
    failed: AbortController,
    onProgress: OnProgress,
  ): Promise<void> {
    const queue = [...layers.entries()];
    // The disk's merge follows the layers as they become whole, lowest first.
    const there = layers.map(
      (layer, i) => this.#store.hasBlob(layer) && this.#store.hasLayer(diffIds[i] ?? ""),
    );
    let merged = 0;
    const mergeAhead = (): void => {
      const missing = there.indexOf(false);
      const count = missing < 0 ? there.length : missing;
      if (count <= merged) return;
      merged = count;
      this.#roots.ahead(chainId(diffIds), diffIds, count, source.name, merge);
    };
    mergeAhead();
    const workersWanted = source.concurrency ?? concurrentLayers;
    // As Docker's: all layers in their order, then which of them are not begun with yet.
    for (const [i, { digest }] of layers.entries())
      onProgress({ layer: shortDigest(digest), status: there[i] ? "exists" : "pulling" });
    for (const { digest } of layers.filter((_, i) => !there[i]).slice(workersWanted))
      onProgress({ layer: shortDigest(digest), status: "waiting" });
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [number, descriptor] = next;
        await this.#layers.ensure(
          {
            descriptor,
            diffId: diffIds[number] as Digest,
            name: `${source.name}, layer ${number + 1} of ${layers.length} (${shortDigest(descriptor.digest)})`,
          },
          source.blobs,
          signal,
          onProgress,
        );
        there[number] = true;
        mergeAhead();
      }
    };
    const workers = Array.from({ length: workersWanted }, () =>
      work().catch((error: unknown) => {
        // The first failure is the one to report; the others stop because of it.
        if (!failed.signal.aborted) failed.abort(error);
        throw error;
      }),
    );
    await Promise.allSettled(workers);
    if (failed.signal.aborted) throw failed.signal.reason;
  }

  async #manifest(source: ImageSource, digest: Digest, signal: AbortSignal) {
    if (existsSync(this.#store.blobPath(digest)))
      return { bytes: this.#store.readBlob(digest), contentType: "" };
    return await source.manifest(digest, signal);
  }

  #checkPlatform(
    source: ImageSource,
    config: Platform,
    platform: Platform | undefined,
    onProgress: OnProgress,
  ): void {
    const own = normalize(config);
    if (own.os !== "linux")
      throw new MockerError(
        "NO_MATCHING_PLATFORM",
        `${source.name}: image operating system "${own.os}" cannot be used on this platform`,
      );
    if (own.architecture === "") return;
    if (platform !== undefined && match(platform, own) === 0)
      throw new MockerError(
        "NO_MATCHING_PLATFORM",
        `image with reference ${source.name} was found but does not match the specified platform: wanted ${formatPlatform(platform)}, actual: ${formatPlatform(own)}`,
        { hint: `There is no other: leave --platform out, or give ${formatPlatform(own)}.` },
      );
    if (match(platform ?? hostPlatform(), own) === 0)
      onProgress({
        layer: "",
        status: "pulling",
        message: `The image's platform (${formatPlatform(own)}) does not match this machine's (${formatPlatform(hostPlatform())})`,
      });
  }
}

/** Whether the record has all names that the source gives the image. */
function isNamed({ tags, repoDigests }: ImageRecord, { top, ...source }: ImageSource): boolean {
  if (source.tags.length > 0) return source.tags.every((tag) => tags[tag] === top.digest);
  return source.repository === undefined || repoDigests.includes(`${source.repository}@${top.digest}`);
}
