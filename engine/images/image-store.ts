import { closeSync, existsSync, openSync, readdirSync, readSync, renameSync, statSync } from "node:fs";
import { chmod, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { temporaryName } from "../atomic-file.ts";
import { MockerError } from "../protocol/errors.ts";
import type {
  ImageChange,
  ImageDetails,
  ImagePullParams,
  ImagePullResult,
  ImageRemoveResult,
  ImageSummary,
} from "../protocol/image.ts";
import type { ImagePushParams, ImagePushResult, PushProgress } from "../protocol/registry.ts";
import { ContentStore, type LayoutEntry } from "./content-store.ts";
import { DeferredSync, stemOf } from "./deferred-sync.ts";
import {
  chainId,
  type Digest,
  digestOf,
  isDigest,
  shortDigest,
  splitDigest,
  verifyDigest,
} from "./digest.ts";
import {
  detailsOf,
  filterKeys,
  type ImageRecord,
  ImageRecords,
  matchesFilters,
  recordChain,
  summaryOf,
} from "./image-records.ts";
import { type ImageSource, readSmall, resolveManifest } from "./image-source.ts";
import type { LayerLimits } from "./layer-converter.ts";
import { EntryCursor, readTotals, totalsBytes } from "./layer-index.ts";
import { LayerPool } from "./layer-pool.ts";
import { type BlobSource, LayerStore, noSpace } from "./layer-store.ts";
import { type Descriptor, parseConfig } from "./manifest.ts";
import { spaceFor } from "./no-space.ts";
import { formatPlatform, hostPlatform, match, normalize, type Platform, parsePlatform } from "./platform.ts";
import type { OnProgress } from "./progress.ts";
import { pushImage } from "./push.ts";
import { canonical, canonicalName, familiar, parseReference, type Reference } from "./reference.ts";
import { openRegistry, type RegistryOptions } from "./registry.ts";
import { naming } from "./registry-errors.ts";
import { materialize, type NativeFiles } from "./root-directory.ts";
import { type RootDisk, RootStore } from "./root-store.ts";
import { SharedReads } from "./shared-reads.ts";
import { dockerArchiveSources } from "./source-docker-archive.ts";
import { helloSource, helloTag } from "./source-hello.ts";
import { ociArchiveSource, ociLayoutSource } from "./source-oci.ts";
import { registrySource } from "./source-registry.ts";
import { saveWithTool } from "./source-tool.ts";
import { Merger } from "./tree.ts";

export interface ImageStoreOptions {
  /** The store's folder, made if it is missing. One process at a time may own it. */
  dir: string;
  native: NativeFiles;
  /** How registries are reached. */
  registry?: RegistryOptions;
  /** The static program of the built-in image `hello`. */
  helloPath: string;
  log: {
    info(event: string, fields?: Record<string, unknown>): void;
    warn(event: string, fields?: Record<string, unknown>): void;
  };
  limits?: LayerLimits;
  /** How long downloads, whole or in part, that no image needs wait for a pull that needs them; default a week. */
  keepUnfinishedMs?: number;
}

export interface PullOptions {
  signal?: AbortSignal | undefined;
  onProgress?: OnProgress | undefined;
}

export interface RemoveOptions {
  force?: boolean | undefined;
  /** Names of the VMs that use an image. */
  inUse?: (imageId: string) => string[];
}

/** Layers on their way at once, as in Docker. */
const concurrentLayers = 3;

/** A week. */
const defaultKeepUnfinishedMs = 7 * 24 * 3600 * 1000;

/** All that Mocker knows about images: brings them, lists them, makes disks and folders of them, removes them. */
export class ImageStore {
  readonly #store: ContentStore;
  readonly #records: ImageRecords;
  readonly #layers: LayerStore;
  readonly #roots: RootStore;
  readonly #sync: DeferredSync;
  readonly #options: ImageStoreOptions;
  readonly #listeners = new Set<(change: ImageChange) => void>();
  /** What running pulls need and no record names yet, with how many of them need it. */
  readonly #pins = new Map<string, number>();
  readonly #configs = new SharedReads();
  readonly #rootfsFlights = new Map<Digest, Promise<string>>();
  #helloFlight: Promise<ImageRecord> | undefined;

  constructor(options: ImageStoreOptions) {
    this.#options = options;
    this.#store = new ContentStore(options.dir);
    this.#records = new ImageRecords(this.#store.recordsDir, this.#store.ingestDir);
    const pool = new LayerPool();
    this.#layers = new LayerStore(this.#store, pool, options.limits);
    this.#roots = new RootStore(this.#store, pool);
    this.#sync = new DeferredSync(this.#store);
  }

  /** Puts right what a crash left: temporary files, unreferenced blobs and layers, an index.json that lags behind. */
  async recover(): Promise<void> {
    const keepMs = this.#options.keepUnfinishedMs ?? defaultKeepUnfinishedMs;
    this.#sync.discardDoubtful();
    for (const path of this.#records.damaged) this.#options.log.warn("images.damaged-record", { path });
    for (const name of await readdir(this.#store.ingestDir)) {
      const path = join(this.#store.ingestDir, name);
      const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
      if (name.endsWith(".partial") && age < keepMs) continue;
      await removeTree(path);
    }
    this.#writeLayout();
    // What an interrupted pull has finished is left to the next one.
    await this.#sweep((_, path) => ageMs(path) >= keepMs);
    this.#sync.schedule();
  }

  count(): number {
    return this.#records.size;
  }

  /** Called after each change; returns what ends it. */
  onDidChange(listener: (change: ImageChange) => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
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
          return await this.#bring(await ociLayoutSource(rest), platform, signal, onProgress);
        case "oci-archive": {
          const { source, close } = await ociArchiveSource(rest, this.#store.ingestDir, signal);
          try {
            return await this.#bring(source, platform, signal, onProgress);
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
      return await this.#pullReference(reference, platform, signal, onProgress, params.dockerConfig);
    } catch (error) {
      if (signal.aborted)
        throw new MockerError("CANCELLED", `the pull of ${params.reference} was cancelled`, {
          hint: "What is downloaded already is kept and used by the next pull.",
        });
      throw naming(noSpace(error), params.reference);
    }
  }

  /** Newest first. @throws INVALID_ARGUMENT for a filter that does not exist */
  async list(filters: Record<string, string[]> = {}): Promise<ImageSummary[]> {
    for (const key of Object.keys(filters))
      if (!filterKeys.includes(key))
        throw new MockerError("INVALID_ARGUMENT", `invalid filter "${key}"`, {
          hint: `Filters are: ${filterKeys.join(", ")}.`,
        });
    const createdOf = (reference: string): number => Date.parse(this.#find(reference).created);
    return this.#records
      .all()
      .filter((record) => matchesFilters(record, filters, createdOf))
      .sort((a, b) => Date.parse(b.created) - Date.parse(a.created) || (a.id < b.id ? -1 : 1))
      .map(summaryOf);
  }

  /** By reference, ID or unique beginning of an ID. @throws IMAGE_NOT_FOUND */
  async get(refOrId: string): Promise<ImageDetails> {
    return detailsOf(await this.#resolve(refOrId));
  }

  /**
   * Docker's `rmi`: takes a name away, and with the last name the image. With `force` an image that VMs use loses its names; it
   * goes when no VM needs it and it is removed again.
   */
  async remove(refOrId: string, options: RemoveOptions = {}): Promise<ImageRemoveResult> {
    const record = this.#find(refOrId);
    const force = options.force ?? false;
    const users = options.inUse?.(record.id) ?? [];
    const short = shortDigest(record.id);
    const byId = this.#referenceTo(record, refOrId) === undefined;
    const tag = byId ? undefined : this.#referenceTo(record, refOrId);
    const tags = Object.keys(record.tags);
    const result: ImageRemoveResult = { untagged: [], deleted: [] };

    if (tag !== undefined && (tags.length > 1 || !tags.includes(tag))) {
      const names = new Set(
        tags.filter((name) => name !== tag).map((name) => canonicalName(parseReference(name))),
      );
      const repository = canonicalName(parseReference(tag));
      // The digests of a repository go with its last tag.
      const digests = tags.includes(tag)
        ? record.repoDigests.filter(
            (name) => !names.has(repository) && canonicalName(parseReference(name)) === repository,
          )
        : [tag];
      if (tags.length > 0 || record.repoDigests.length > digests.length) {
        this.#update(record, {
          ...record,
          tags: Object.fromEntries(Object.entries(record.tags).filter(([name]) => name !== tag)),
          repoDigests: record.repoDigests.filter((name) => !digests.includes(name)),
        });
        result.untagged = [...(tags.includes(tag) ? [tag] : []), ...digests].map((name) =>
          familiar(parseReference(name)),
        );
        return result;
      }
    }
    if (users.length > 0 && !force)
      throw new MockerError(
        "IMAGE_IN_USE",
        byId
          ? `conflict: unable to delete ${short} (must be forced) - image is being used by ${list(users)}`
          : `conflict: unable to remove repository reference "${refOrId}" (must force) - ${list(users)} is using its referenced image ${short}`,
        {
          hint: "Remove the VM first, or use --force to take only the image's names away.",
          details: { vms: users },
        },
      );
    const repositories = new Set(tags.map((name) => canonicalName(parseReference(name))));
    if (byId && repositories.size > 1 && !force)
      throw new MockerError(
        "IMAGE_IN_USE",
        `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
        { hint: "Remove its names one by one, or use --force." },
      );
    result.untagged = [...tags, ...record.repoDigests].map((name) => familiar(parseReference(name)));
    if (users.length > 0) {
      this.#update(record, { ...record, tags: {}, repoDigests: [] });
      return result;
    }
    // The record first: from then on the rest is garbage, whatever happens.
    this.#records.delete(record.id);
    this.#writeLayout();
    const own = keysOf(record);
    result.deleted = [record.id, ...(await this.#sweep((key) => own.has(key)))];
    this.#emit({ kind: "removed", id: record.id });
    return result;
  }

  /** The image's root file system as a read-only disk for a VM. */
  async rootDisk(imageId: string): Promise<RootDisk> {
    const record = await this.#resolve(imageId);
    await this.#restoreLayers(record);
    return await this.#roots.disk(
      recordChain(record),
      record.layers.map(({ diffId }) => diffId),
      nameOf(record),
    );
  }

  /** The image's root file system as a folder of ordinary files; nobody may write into it. */
  async rootDirectory(imageId: string): Promise<string> {
    const record = await this.#resolve(imageId);
    const chain = recordChain(record);
    const path = join(this.#store.rootfsDir, splitDigest(chain).hex);
    if (existsSync(path)) return path;
    let flight = this.#rootfsFlights.get(chain);
    if (!flight) {
      flight = this.#unpack(record, path).finally(() => this.#rootfsFlights.delete(chain));
      this.#rootfsFlights.set(chain, flight);
    }
    return await flight;
  }

  /** Converts again what deferred-sync.ts had to throw away. */
  async #restoreLayers(record: ImageRecord): Promise<void> {
    const name = nameOf(record);
    const lost: BlobSource = {
      resumable: false,
      open: () =>
        Promise.reject(
          new MockerError("STATE_CORRUPT", `${name}: a layer is missing from the image store`, {
            hint: "Pull the image again.",
          }),
        ),
    };
    for (const [number, { digest, diffId, sizeBytes }] of record.layers.entries()) {
      if (this.#store.hasLayer(diffId)) continue;
      await this.#layers.ensure(
        {
          descriptor: { mediaType: "", digest, size: sizeBytes, platform: undefined, annotations: {} },
          diffId,
          name: `${name}, layer ${number + 1} of ${record.layers.length}`,
        },
        lost,
        new AbortController().signal,
        () => {},
      );
    }
    this.#sync.schedule();
  }

  async #unpack(record: ImageRecord, path: string): Promise<string> {
    await this.#restoreLayers(record);
    const merger = new Merger();
    const dataPaths: string[] = [];
    for (const [number, { diffId }] of record.layers.entries()) {
      const paths = this.#store.layerPaths(diffId);
      dataPaths.push(paths.data);
      const cursor = new EntryCursor(await readFile(paths.index));
      for (let entries = 1; cursor.next(); entries++) {
        merger.apply(cursor, number);
        if (entries % 2000 === 0) await new Promise(setImmediate);
      }
    }
    const temporary = join(this.#store.ingestDir, temporaryName("rootfs"));
    try {
      await materialize(merger.root, temporary, {
        dataPaths,
        native: this.#options.native,
        privileged: process.getuid?.() === 0,
      });
      renameSync(temporary, path);
      this.#sync.schedule();
    } catch (error) {
      await removeTree(temporary);
      throw noSpace(error);
    }
    return path;
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
      const known = this.#records.all().find((record) => record.tags[helloTag] !== undefined);
      const record = known ?? (await this.#hello(signal, onProgress));
      return {
        id: record.id,
        digest: record.tags[helloTag] ?? record.manifest.digest,
        reference: name,
        upToDate: known !== undefined,
      };
    }
    if (reference.digest !== undefined) {
      const wanted = `${canonicalName(reference)}@${reference.digest}`;
      const known = this.#records
        .all()
        .find((record) => record.repoDigests.includes(wanted) && fits(record, platform));
      if (known) return { id: known.id, digest: reference.digest, reference: name, upToDate: true };
    }
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
      const result = await this.#bring(source, platform, signal, onProgress);
      return { ...result, reference: name };
    } finally {
      client.close();
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
      for (const source of sources) results.push(await this.#bring(source, platform, signal, onProgress));
      const [first] = results;
      if (!first) throw new MockerError("IMAGE_NOT_FOUND", `${text} has no image`);
      return first;
    } finally {
      await close();
    }
  }

  async #hello(signal: AbortSignal, onProgress: OnProgress): Promise<ImageRecord> {
    this.#helloFlight ??= helloSource(this.#options.helloPath)
      .then((source) => this.#bring(source, undefined, signal, onProgress))
      .then(({ id }) => this.#records.get(id) as ImageRecord)
      .finally(() => {
        this.#helloFlight = undefined;
      });
    return await this.#helloFlight;
  }

  /** Manifest, configuration, layers, disk, record: in this order, so that a record never promises what is not there. */
  async #bring(
    source: ImageSource,
    platform: Platform | undefined,
    outer: AbortSignal,
    onProgress: OnProgress,
  ): Promise<ImagePullResult> {
    const pins: string[] = [];
    const releases: (() => void)[] = [];
    const failed = new AbortController();
    const signal = AbortSignal.any([outer, failed.signal]);
    try {
      const named = source.top.digest;
      const wanted = platform ?? hostPlatform();
      const { bytes, digest, manifest } = await resolveManifest(
        { ...source, manifest: (next) => this.#manifest(source, next, signal) },
        wanted,
        signal,
      );
      this.#pin(pins, digest, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest));

      const configBytes = await this.#config(source, manifest.config, signal, releases);
      const config = parseConfig(configBytes, source.name, manifest.layers.length);
      this.#checkPlatform(source, config, platform, onProgress);

      const known = this.#records.get(manifest.config.digest);
      const complete =
        known !== undefined &&
        manifest.layers.every(
          (layer, i) => this.#store.hasBlob(layer) && this.#store.hasLayer(config.diffIds[i] ?? ""),
        ) &&
        known.manifest.digest === digest;
      const reference =
        source.tags[0] ??
        (source.repository === undefined ? manifest.config.digest : `${source.repository}@${named}`);
      const upToDate =
        complete &&
        (source.tags.length > 0
          ? source.tags.every((tag) => known.tags[tag] === named)
          : source.repository === undefined || known.repoDigests.includes(`${source.repository}@${named}`));
      if (upToDate) {
        this.#keepIndex(source);
        return { id: known.id, digest: named, reference, upToDate: true };
      }

      const chain = chainId(config.diffIds);
      this.#pin(pins, chain, ...config.diffIds);
      await this.#bringLayers(source, manifest.layers, config.diffIds, signal, failed, onProgress).catch(
        (error: unknown) => {
          throw spaceFor(error, this.#store, source.name, manifest.layers, config.diffIds);
        },
      );
      await this.#roots.disk(chain, config.diffIds, source.name);
      this.#store.writeBlob(configBytes, manifest.config.digest);
      this.#store.writeBlob(bytes, digest);
      this.#keepIndex(source);
      signal.throwIfAborted();

      // Another pull may have stored the same image under other names in the meantime.
      const present = this.#records.get(manifest.config.digest);
      const record: ImageRecord = {
        version: 1,
        id: manifest.config.digest,
        manifest: { digest, mediaType: manifest.mediaType, size: bytes.length },
        tags: { ...present?.tags, ...Object.fromEntries(source.tags.map((tag) => [tag, named])) },
        repoDigests: [
          ...new Set([
            ...(present?.repoDigests ?? []),
            ...(source.repository === undefined ? [] : [`${source.repository}@${named}`]),
          ]),
        ],
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
      };
      this.#commit(record, source.tags);
      this.#sync.schedule();
      return { id: record.id, digest: named, reference, upToDate: false };
    } finally {
      for (const release of releases) release();
      this.#unpin(pins);
    }
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

  /** Sends an image to a registry, see push.ts. What it needs is not removed meanwhile. */
  async push(
    params: ImagePushParams,
    options: { signal: AbortSignal; onProgress: (progress: PushProgress) => void },
  ): Promise<ImagePushResult> {
    const client = openRegistry(this.#options.registry, params.dockerConfig);
    const pins: string[] = [];
    try {
      const result = await pushImage(params, {
        ...options,
        client,
        store: this.#store,
        records: this.#records.all(),
        pin: (digests) => this.#pin(pins, ...digests),
      });
      for (const { tag, digest } of result.tags) this.#notePushed(result.repository, tag, digest);
      return result;
    } catch (error) {
      if (options.signal.aborted)
        throw new MockerError("CANCELLED", `the push of ${params.reference} was cancelled`);
      throw naming(error, params.reference);
    } finally {
      this.#unpin(pins);
      client.close();
    }
  }

  /** As Docker: from now on the image has that registry's digest. */
  #notePushed(repository: string, tag: string, digest: Digest): void {
    const record = this.#records.all().find(({ tags }) => tags[`${repository}:${tag}`] !== undefined);
    const name = `${repository}@${digest}`;
    if (record !== undefined && !record.repoDigests.includes(name))
      this.#update(record, { ...record, repoDigests: [...record.repoDigests, name] });
  }

  async #bringLayers(
    source: ImageSource,
    layers: readonly Descriptor[],
    diffIds: readonly Digest[],
    signal: AbortSignal,
    failed: AbortController,
    onProgress: OnProgress,
  ): Promise<void> {
    const queue = [...layers.entries()];
    for (const layer of layers) onProgress({ layer: shortDigest(layer.digest), status: "waiting" });
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
      }
    };
    const workers = Array.from({ length: source.concurrency ?? concurrentLayers }, () =>
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
      );
    if (match(platform ?? hostPlatform(), own) === 0)
      onProgress({
        layer: "",
        status: "pulling",
        message: `The image's platform (${formatPlatform(own)}) does not match this machine's (${formatPlatform(hostPlatform())})`,
      });
  }

  #tarBytes(diffId: Digest): number {
    const { index } = this.#store.layerPaths(diffId);
    return readTotals(readHead(index))?.tarBytes ?? 0;
  }

  /** Writes the record; tags that another image had move. */
  #commit(record: ImageRecord, tags: readonly string[]): void {
    const added = this.#records.get(record.id) === undefined;
    this.#records.put(record);
    for (const other of this.#records.all()) {
      if (other.id === record.id) continue;
      const moved = tags.filter((tag) => other.tags[tag] !== undefined);
      if (moved.length === 0) continue;
      const rest = Object.fromEntries(Object.entries(other.tags).filter(([tag]) => !moved.includes(tag)));
      this.#records.put({ ...other, tags: rest });
      this.#emit({ kind: "changed", id: other.id, image: summaryOf({ ...other, tags: rest }) });
    }
    this.#writeLayout();
    this.#emit({ kind: added ? "added" : "changed", id: record.id, image: summaryOf(record) });
  }

  #update(old: ImageRecord, record: ImageRecord): void {
    this.#records.put(record);
    this.#writeLayout();
    this.#emit({ kind: "changed", id: old.id, image: summaryOf(record) });
  }

  #emit(change: ImageChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  #writeLayout(): void {
    const entries: LayoutEntry[] = [];
    for (const { manifest, tags } of this.#records.all()) {
      const names: (string | undefined)[] = Object.keys(tags).sort();
      for (const tag of names.length === 0 ? [undefined] : names)
        entries.push({
          ...manifest,
          name: tag === undefined ? undefined : familiar(parseReference(tag)),
          canonicalName: tag,
        });
    }
    this.#store.writeLayout(entries);
  }

  /** The record, with the built-in image made if it is what is meant. */
  async #resolve(refOrId: string): Promise<ImageRecord> {
    try {
      return this.#find(refOrId);
    } catch (error) {
      const wanted = tryParse(refOrId);
      if (wanted === undefined || canonical(wanted) !== helloTag) throw error;
      return await this.#hello(new AbortController().signal, () => {});
    }
  }

  #find(refOrId: string): ImageRecord {
    const records = this.#records.all();
    const byName = records.find((record) => this.#referenceTo(record, refOrId) !== undefined);
    if (byName) return byName;
    const hex = refOrId.startsWith("sha256:") ? refOrId.slice("sha256:".length) : refOrId;
    if (/^[0-9a-f]{1,64}$/.test(hex)) {
      const found = records.filter(({ id }) => id.startsWith(`sha256:${hex}`));
      if (found.length > 1)
        throw new MockerError(
          "INVALID_ARGUMENT",
          `image ID ${refOrId} is ambiguous: ${found.length} images begin so`,
          {
            hint: "Give more of the ID.",
          },
        );
      if (found[0]) return found[0];
    }
    const wanted = tryParse(refOrId);
    throw new MockerError(
      "IMAGE_NOT_FOUND",
      `No such image: ${wanted === undefined || isDigest(refOrId) ? refOrId : familiar(wanted)}`,
      { hint: 'Pull it first, or look at the list with "mocker images".' },
    );
  }

  /** The record's tag or repository digest that `text` means, if it does. */
  #referenceTo(record: ImageRecord, text: string): string | undefined {
    const reference = tryParse(text);
    if (reference === undefined) return undefined;
    if (reference.digest !== undefined) {
      const name = `${canonicalName(reference)}@${reference.digest}`;
      return record.repoDigests.includes(name) ? name : undefined;
    }
    const name = canonical(reference);
    return record.tags[name] === undefined ? undefined : name;
  }

  #pin(pins: string[], ...keys: string[]): void {
    for (const key of keys) {
      pins.push(key);
      this.#pins.set(key, (this.#pins.get(key) ?? 0) + 1);
    }
  }

  #unpin(pins: string[]): void {
    for (const key of pins) {
      const count = (this.#pins.get(key) ?? 1) - 1;
      if (count === 0) this.#pins.delete(key);
      else this.#pins.set(key, count);
    }
  }

  /**
   * Removes what no record and no running pull needs, as far as it is `doomed`; returns the diff IDs of the layers
   * that went.
   */
  async #sweep(doomed: (key: string, path: string) => boolean): Promise<Digest[]> {
    if (this.#records.damaged.length > 0) return [];
    const live = new Set<string>();
    for (const record of this.#records.all()) for (const key of keysOf(record)) live.add(key);
    // No await between a look at the pins and the removals that follow from it.
    const dead = (key: string, path: string): boolean =>
      !live.has(key) && !this.#pins.has(key) && doomed(key, path);
    for (const digest of this.#store.blobs())
      if (dead(digest, this.#store.blobPath(digest))) this.#store.removeBlob(digest);
    const removed: Digest[] = [];
    const folders: string[] = [];
    for (const name of readdirSync(this.#store.rootsDir)) {
      const path = join(this.#store.rootsDir, name);
      if (dead(`sha256:${stemOf(name)}`, path)) folders.push(path);
    }
    // Indexes first: a layer is there when its index is.
    for (const name of readdirSync(this.#store.layersDir).sort().reverse()) {
      const stem = stemOf(name);
      const diffId = stem.includes("-") ? stem.replace("-", ":") : `sha256:${stem}`;
      if (!dead(diffId, join(this.#store.layersDir, name))) continue;
      if (name.endsWith(".index")) removed.push(diffId);
      folders.push(join(this.#store.layersDir, name));
    }
    for (const name of readdirSync(this.#store.rootfsDir)) {
      if (!dead(`sha256:${stemOf(name)}`, join(this.#store.rootfsDir, name))) continue;
      // Out of sight at once; taking it apart takes its time.
      const temporary = join(this.#store.ingestDir, temporaryName("removed"));
      renameSync(join(this.#store.rootfsDir, name), temporary);
      folders.push(temporary);
    }
    const renamed = folders.map((path) => {
      if (path.startsWith(this.#store.ingestDir)) return path;
      const temporary = join(this.#store.ingestDir, temporaryName("removed"));
      renameSync(path, temporary);
      return temporary;
    });
    for (const path of renamed) await removeTree(path);
    return removed;
  }
}

/** Every blob, layer and disk that an image needs. */
function keysOf(record: ImageRecord): Set<string> {
  const layers = record.layers.flatMap(({ digest, diffId }) => [digest, diffId]);
  const named = record.repoDigests.map((name) => name.slice(name.indexOf("@") + 1));
  const ends = [record.id, record.manifest.digest, recordChain(record)];
  return new Set([...ends, ...Object.values(record.tags), ...named, ...layers]);
}

/** Since the last change of a file; for a folder, too, since it was moved into its place. */
function ageMs(path: string): number {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? Date.now());
}

function readHead(path: string): Buffer {
  const head = Buffer.alloc(totalsBytes);
  const fd = openSync(path, "r");
  try {
    readSync(fd, head, 0, totalsBytes, 0);
  } finally {
    closeSync(fd);
  }
  return head;
}

function nameOf(record: ImageRecord): string {
  const [tag] = Object.keys(record.tags);
  return tag === undefined ? shortDigest(record.id) : familiar(parseReference(tag));
}

function tryParse(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

function list(names: string[]): string {
  return `${names.length === 1 ? "VM" : "VMs"} ${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""}`;
}

function fits(record: ImageRecord, platform: Platform | undefined): boolean {
  return platform === undefined || match(platform, record) > 0;
}

function normalizedPlatform(config: Platform): Platform {
  const { os, architecture, variant } = normalize(config);
  return { os, architecture, variant };
}

/** Removes a file or folder, also one with folders that their owner may not enter. */
async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
    const pending = [path];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      await chmod(next, 0o700);
      for (const entry of await readdir(next, { withFileTypes: true }))
        if (entry.isDirectory()) pending.push(join(next, entry.name));
    }
    await rm(path, { recursive: true, force: true });
  }
}
