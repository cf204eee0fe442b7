import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { MockerError } from "../protocol/errors.ts";
import type { ImagePullParams, ImagePullResult } from "../protocol/image.ts";
import { type AttestationRecord, bringAttestations, hasAttestations } from "./attestations.ts";
import { chainId, type Digest, digestOf, shortDigest, verifyDigest } from "./digest.ts";
import type { ImageCatalog } from "./image-catalog.ts";
import { type ImageRecord, withAttestations } from "./image-records.ts";
import { readLayerTotals } from "./layers/layer-index.ts";
import { LayerMerge } from "./layers/layer-merge.ts";
import { type LayerStore, noSpace } from "./layers/layer-store.ts";
import type { RootStore } from "./layers/root-store.ts";
import { type Descriptor, type ImageConfig, type ImageManifest, parseConfig } from "./manifest.ts";
import { spaceFor } from "./no-space.ts";
import { formatPlatform, hostPlatform, match, normalize, type Platform, parsePlatform } from "./platform.ts";
import type { OnProgress } from "./progress.ts";
import { canonical, canonicalName, familiar, parseReference, type Reference } from "./reference.ts";
import { openRegistry, type RegistryOptions } from "./registry/registry.ts";
import { naming } from "./registry/registry-errors.ts";
import { SharedReads, unlessAborted } from "./shared-reads.ts";
import { type ImageSource, readSmall, resolveManifest } from "./sources/image-source.ts";
import { dockerArchiveSources } from "./sources/source-docker-archive.ts";
import { helloSource, helloTag } from "./sources/source-hello.ts";
import { ociArchiveSource, ociLayoutSource } from "./sources/source-oci.ts";
import { registrySource } from "./sources/source-registry.ts";
import { saveWithTool } from "./sources/source-tool.ts";
import type { ContentStore } from "./store/content-store.ts";
import type { DeferredSync } from "./store/deferred-sync.ts";
import type { Garbage } from "./store/garbage.ts";

export interface PullOptions {
  signal?: AbortSignal | undefined;
  onProgress?: OnProgress | undefined;
}

export interface PullerParts {
  store: ContentStore;
  catalog: ImageCatalog;
  garbage: Garbage;
  layers: LayerStore;
  roots: RootStore;
  sync: DeferredSync;
}

export interface PullerOptions {
  /** How registries are reached. */
  registry?: RegistryOptions;
  /** The static program of the built-in image `hello`. */
  helloPath: string;
}

/** Layers on their way at once: one more than Docker has, so that two cores are busy also while one layer lags behind. */
const concurrentLayers = 4;

/** Brings images into the store. */
export class ImagePuller {
  readonly #store: ContentStore;
  readonly #catalog: ImageCatalog;
  readonly #garbage: Garbage;
  readonly #layers: LayerStore;
  readonly #roots: RootStore;
  readonly #sync: DeferredSync;
  readonly #options: PullerOptions;
  readonly #configs = new SharedReads();
  #helloFlight: Promise<ImageRecord> | undefined;

  constructor(parts: PullerParts, options: PullerOptions) {
    this.#store = parts.store;
    this.#catalog = parts.catalog;
    this.#garbage = parts.garbage;
    this.#layers = parts.layers;
    this.#roots = parts.roots;
    this.#sync = parts.sync;
    this.#options = options;
  }

  /**
   * Brings an image into the store: from a registry, a folder, an archive or another tool. What is there already is neither fetched nor
   * converted again, and what a failed pull brought is used by the next one.
   */
  async pull(params: ImagePullParams, options: PullOptions = {}): Promise<ImagePullResult> {
    const signal = options.signal ?? new AbortController().signal;
    const onProgress = options.onProgress ?? (() => {});
    const platform = params.platform === undefined ? undefined : parsePlatform(params.platform);
    try {
      signal.throwIfAborted();
      const colon = params.reference.indexOf(":");
      const rest = params.reference.slice(colon + 1);
      switch (params.reference.slice(0, Math.max(colon, 0))) {
        case "oci":
          return await this.bring(await ociLayoutSource(rest), platform, signal, onProgress);
        case "oci-archive": {
          const { source, close } = await ociArchiveSource(rest, this.#store.ingestDir, signal);
          try {
            return await this.bring(source, platform, signal, onProgress);
          } finally {
            await close();
          }
        }
        case "docker-archive":
          return await this.#bringArchive(rest, platform, signal, onProgress);
        case "docker-daemon":
        case "containers-storage": {
          const reference = familiar(parseReference(rest));
          onProgress({ layer: "", status: "pulling", message: `Copying ${reference}` });
          const transport = params.reference.slice(0, colon) as "docker-daemon" | "containers-storage";
          const file = await saveWithTool(transport, reference, this.#store.ingestDir, signal);
          try {
            return await this.#bringArchive(file, platform, signal, onProgress);
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
      return await this.#pullReference(reference, platform, signal, onProgress, params.dockerConfig);
    } catch (error) {
      if (signal.aborted)
        throw new MockerError("CANCELLED", `the pull of ${params.reference} was cancelled`, {
          hint: "What is downloaded already is kept and used by the next pull.",
        });
      throw naming(noSpace(error), params.reference);
    }
  }

  async #pullReference(
    reference: Reference,
    platform: Platform | undefined,
    signal: AbortSignal,
    onProgress: OnProgress,
    dockerConfig?: string,
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
    const client = openRegistry(this.#options.registry, dockerConfig);
    try {
      const onRetry = (message: string): void => onProgress({ layer: "", status: "retrying", message });
      const source = await registrySource(client, reference, signal, onRetry);
      // Not before the registry has it: a pull that fails at once shows only its error.
      onProgress({
        layer: "",
        status: "pulling",
        message: `Pulling from ${reference.domain === "docker.io" ? reference.path : canonicalName(reference)}`,
      });
      const result = await this.bring(source, platform, signal, onProgress);
      return { ...result, reference: name };
    } finally {
      client.close();
      const left = (awaited.get(name) ?? 0) - 1;
      if (left > 0) awaited.set(name, left);
      else awaited.delete(name);
    }
  }

  async #bringArchive(
    text: string,
    platform: Platform | undefined,
    signal: AbortSignal,
    onProgress: OnProgress,
  ): Promise<ImagePullResult> {
    const { sources, close } = await dockerArchiveSources(text, this.#store.ingestDir, signal);
    try {
      const results: ImagePullResult[] = [];
      for (const source of sources) results.push(await this.bring(source, platform, signal, onProgress));
      const [first] = results;
      if (!first) throw new MockerError("IMAGE_NOT_FOUND", `${text} has no image`);
      return first;
    } finally {
      await close();
    }
  }

  async hello(signal: AbortSignal, onProgress: OnProgress): Promise<ImageRecord> {
    this.#helloFlight ??= helloSource(this.#options.helloPath)
      // Whoever else waits for it must not suffer from one who gives up; it takes no time.
      .then((source) => this.bring(source, undefined, new AbortController().signal, onProgress))
      .then(({ id }) => this.#catalog.records.get(id) as ImageRecord)
      .finally(() => {
        this.#helloFlight = undefined;
      });
    return await unlessAborted(this.#helloFlight, signal);
  }

  /** Manifest, configuration, layers, disk, record: in this order, so that a record never promises what is not there. */
  async bring(
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
      const bringAttested = async (): Promise<AttestationRecord[]> =>
        await bringAttestations(
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
          // A version of before kept none, or they were damaged.
          const brought = await bringAttested();
          const current = this.#catalog.records.get(known.id);
          if (current && brought.length > 0) {
            this.#store.syncBlobs();
            this.#catalog.update(current, withAttestations(current, brought));
          }
        }
        return { id: known.id, digest: named, reference, upToDate: true };
      }

      const chain = chainId(config.diffIds);
      this.#garbage.pin(pins, chain, ...config.diffIds);
      await this.#bringLayers(
        source,
        manifest.layers,
        config.diffIds,
        merge,
        signal,
        failed,
        onProgress,
      ).catch((error: unknown) => {
        throw spaceFor(error, this.#store, source.name, manifest.layers, config.diffIds);
      });
      await this.#roots.disk(chain, config.diffIds, source.name, merge);
      const attested = await bringAttested();
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

  /** What is to be remembered of the image, with the names that others gave it meanwhile. */
  #record(
    { top, tags, repository }: ImageSource,
    { digest, size }: Pick<Descriptor, "digest" | "size">,
    manifest: ImageManifest,
    config: ImageConfig,
  ): ImageRecord {
    const known = this.#catalog.records.get(manifest.config.digest);
    const repoDigests = new Set(known?.repoDigests);
    if (repository !== undefined) repoDigests.add(`${repository}@${top.digest}`);
    return {
      version: 1,
      id: manifest.config.digest,
      manifest: { digest, mediaType: manifest.mediaType, size },
      tags: { ...known?.tags, ...Object.fromEntries(tags.map((tag) => [tag, top.digest])) },
      repoDigests: [...repoDigests],
      layers: manifest.layers.map((layer, i) => ({
        digest: layer.digest,
        diffId: config.diffIds[i] as Digest,
        sizeBytes: layer.size,
        tarBytes: this.#tarBytes(config.diffIds[i] as Digest),
      })),
      created: config.created,
      author: config.author,
      ...normalizedPlatform(config),
      config: config.run,
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
      const bytes = await readSmall(source, descriptor, stop);
      verifyDigest(bytes, digest, source.name);
      return bytes;
    };
    const { bytes, release } = await this.#configs.read(digest, load, signal);
    releases.push(release);
    return bytes;
  }

  /** What a tag named is kept with the image, so that it can be pushed as it was pulled. */
  #keepIndex({ top }: ImageSource): void {
    if (digestOf(top.bytes) === top.digest) this.#store.writeBlob(top.bytes, top.digest);
  }

  async #bringLayers(
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

  #tarBytes(diffId: Digest): number {
    return readLayerTotals(this.#store.layerPaths(diffId).index)?.tarBytes ?? 0;
  }
}

/** Whether the record has all names that the source gives the image. */
function isNamed({ tags, repoDigests }: ImageRecord, { top, ...source }: ImageSource): boolean {
  if (source.tags.length > 0) return source.tags.every((tag) => tags[tag] === top.digest);
  return source.repository === undefined || repoDigests.includes(`${source.repository}@${top.digest}`);
}

function fits(record: ImageRecord, platform: Platform | undefined): boolean {
  return platform === undefined || match(platform, record) > 0;
}

function normalizedPlatform(config: Platform): Platform {
  const { os, architecture, variant } = normalize(config);
  return { os, architecture, variant };
}
