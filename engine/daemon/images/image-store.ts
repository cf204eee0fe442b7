import { statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  canonical,
  familiarName,
  parseReference,
  type Reference,
  tryParseReference,
} from "../../docker/reference.ts";
import { parsePruneTime } from "../../docker/times.ts";
import { MockerError } from "../../protocol/errors.ts";
import type {
  ImageChange,
  ImageDetails,
  ImageHistoryEntry,
  ImagePruneParams,
  ImagePruneResult,
  ImagePullParams,
  ImagePullResult,
  ImageRemoveResult,
  ImageSummary,
  ImageTree,
} from "../../protocol/image.ts";
import type { ImageLoadResult } from "../../protocol/image-archive.ts";
import type { ImagePushParams, ImagePushResult } from "../../protocol/registry.ts";
import type { SystemCheckResult, SystemUsage } from "../../protocol/system.ts";
import type { UnpackProgress } from "../../protocol/vm.ts";
import { ImageAdopter } from "./ingest/image-adopter.ts";
import { ImageIngester } from "./ingest/image-ingester.ts";
import { ImagePuller, type PullerOptions, type PullOptions } from "./ingest/image-puller.ts";
import { LayerConversionQueue } from "./layers/layer-conversion-queue.ts";
import type { LayerLimits } from "./layers/layer-converter.ts";
import { LayerStore } from "./layers/layer-store.ts";
import { ImagePruner } from "./maintenance/image-pruner.ts";
import { ImageRemover, type ImageUser, type RemoveOptions } from "./maintenance/image-remover.ts";
import { imageTrees } from "./maintenance/image-tree.ts";
import { type CheckOptions, StoreCheck, type StoreCheckDeps } from "./maintenance/store-check.ts";
import { storeUsage } from "./maintenance/store-usage.ts";
import { ImageCatalog } from "./records/image-catalog.ts";
import { type ImageEventListener, ImageEvents } from "./records/image-events.ts";
import { filterKeys, matchesFilters, withMatchingNames } from "./records/image-filters.ts";
import { commentOf, historyOf } from "./records/image-history.ts";
import { type ImageRecord, keysOf } from "./records/image-records.ts";
import { detailsOf, summaryOf } from "./records/image-summary.ts";
import { recordFor } from "./records/platform-record.ts";
import { isTombstone, Tombstones } from "./records/tombstones.ts";
import { ImageRoots } from "./rootfs/image-roots.ts";
import { type RootDisk, RootStore } from "./rootfs/root-store.ts";
import { type OnBytes, remoteFile } from "./sources/remote-file.ts";
import { helloTag } from "./sources/source-hello.ts";
import { ContentStore } from "./store/content-store.ts";
import { DeferredSync } from "./store/deferred-sync.ts";
import { ageMs, Garbage } from "./store/garbage.ts";
import { removeTree } from "./store/remove-tree.ts";
import { type CommitParams, ImageCommitter } from "./transfer/image-committer.ts";
import { ImageImporter, type ImportParams } from "./transfer/image-importer.ts";
import { type ArchiveBytes, ImageLoader, type LoadOptions } from "./transfer/image-loader.ts";
import { ImagePusher, type PushOptions } from "./transfer/image-pusher.ts";
import { ImageSaver } from "./transfer/image-saver.ts";

export type { CheckOptions } from "./maintenance/store-check.ts";

export interface ImageStoreOptions extends PullerOptions {
  /** The store's directory, made if it is missing. One process at a time may own it. */
  dir: string;
  /** From native/index.ts. */
  native: { tryLock(path: string): { release(): void } | null };
  log: {
    info(event: string, fields?: Record<string, unknown>): void;
    warn(event: string, fields?: Record<string, unknown>): void;
  };
  limits?: LayerLimits;
  /** The VMs that were made from an image, and need it; default: none. */
  usersOf?: (imageId: string) => ImageUser[];
  /** Told of what happens to images. */
  onEvent?: ImageEventListener;
  /**
   * How long downloads, whole or in part, that no image needs wait for a pull that needs them; default a
   * week.
   */
  keepUnfinishedMs?: number;
}

const afterlifeMs = 1000;
const adoptionMs = 3000;

/** A week. */
const defaultKeepUnfinishedMs = 7 * 24 * 3600 * 1000;

/**
 * The facade of everything about images: ingests, lists and removes them, makes disks and directories of
 * them.
 */
export class ImageStore {
  readonly #store: ContentStore;
  readonly #catalog: ImageCatalog;
  readonly #garbage: Garbage;
  readonly #tombstones: Tombstones;
  readonly #puller: ImagePuller;
  readonly #pusher: ImagePusher;
  readonly #adopter: ImageAdopter;
  readonly #remover: ImageRemover;
  readonly #pruner: ImagePruner;
  readonly #saver: ImageSaver;
  readonly #loader: ImageLoader;
  readonly #importer: ImageImporter;
  readonly #committer: ImageCommitter;
  readonly #roots: ImageRoots;
  readonly #events: ImageEvents;
  readonly #checkDeps: StoreCheckDeps;
  readonly #sync: DeferredSync;
  readonly #options: ImageStoreOptions;
  readonly #usersOf: (imageId: string) => ImageUser[];
  #lock: { release(): void } | undefined;
  readonly #closed = new AbortController();

  constructor(options: ImageStoreOptions) {
    this.#options = options;
    this.#usersOf = options.usersOf ?? (() => []);
    const store = new ContentStore(options.dir);
    const catalog = new ImageCatalog(store);
    const garbage = new Garbage(store, {
      needed: () => this.#needed(),
      isComplete: () => catalog.records.damaged.length === 0,
    });
    const tombstones = new Tombstones(store, garbage);
    const conversions = new LayerConversionQueue();
    const layers = new LayerStore(store, conversions, options.limits);
    const roots = new RootStore(store);
    const sync = new DeferredSync(store);
    this.#store = store;
    this.#catalog = catalog;
    this.#garbage = garbage;
    this.#tombstones = tombstones;
    this.#sync = sync;
    const ingester = new ImageIngester({ store, catalog, garbage, layers, roots, sync });
    this.#puller = new ImagePuller(store, catalog, ingester, options);
    this.#adopter = new ImageAdopter(store, catalog, garbage, ingester);
    this.#pusher = new ImagePusher(store, catalog, garbage, options.registry);
    const { onEvent = () => undefined } = options;
    this.#events = new ImageEvents(onEvent, (id) => catalog.records.get(id)?.config.labels ?? {});
    this.#remover = new ImageRemover(catalog, tombstones, this.#events);
    this.#saver = new ImageSaver(store, catalog, garbage);
    this.#loader = new ImageLoader(store, catalog, ingester);
    this.#importer = new ImageImporter(store, garbage, ingester);
    this.#committer = new ImageCommitter(store, garbage, ingester);
    this.#pruner = new ImagePruner(catalog, this.#remover, garbage);
    this.#roots = new ImageRoots(store, catalog.records, layers, roots, sync);
    this.#checkDeps = {
      store,
      catalog,
      garbage,
      conversions,
      disks: roots,
      roots: this.#roots,
      adopter: this.#adopter,
    };
  }

  /**
   * Locks the store, reads it, and puts right what a crash left: temporary files, unreferenced blobs and
   * layers, an index.json that lags behind.
   */
  async recover(): Promise<void> {
    const lock = await this.#takeLock();
    if (!lock)
      throw new MockerError("STORE_LOCKED", `the image store ${this.#store.dir} is used by another engine`, {
        hint: "One engine at a time may use a store: end the other one, or set MOCKER_DATA_DIR to another directory.",
      });
    this.#lock = lock;
    this.#catalog.load(this.#tombstones.manifests());
    const keepMs = this.#options.keepUnfinishedMs ?? defaultKeepUnfinishedMs;
    this.#sync.discardDoubtful();
    for (const path of this.#catalog.records.damaged)
      this.#options.log.warn("images.damaged-record", { path });
    // While a record cannot be read nothing is swept: the tombstones wait.
    if (this.#catalog.records.damaged.length === 0) await this.#tombstones.recover();
    for (const name of await readdir(this.#store.ingestDir)) {
      if (isTombstone(name)) continue;
      const path = join(this.#store.ingestDir, name);
      const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
      if (name.endsWith(".partial") && age < keepMs) continue;
      await removeTree(path).catch((error: unknown) =>
        this.#options.log.warn("images.sweep", { path, error: String(error) }),
      );
    }
    this.#catalog.writeLayout();
    // Layers that an interrupted pull has finished are left to the next one.
    await this.#garbage.sweep((_, path) => ageMs(path) >= keepMs);
    this.#sync.schedule();
    // Clients wait for an engine that starts: what takes longer goes on in the background.
    await Promise.race([this.#adopt(), sleep(adoptionMs, undefined, { ref: false })]);
  }

  /** Keys of all that images consist of: our own, and those that other programs have put into the store. */
  #needed(): Set<string> {
    const needed = new Set<string>(this.#adopter.keys());
    for (const record of this.#catalog.records.all()) for (const key of keysOf(record)) needed.add(key);
    return needed;
  }

  /** Takes over images that other programs have put into the store. */
  async #adopt(): Promise<void> {
    for (const image of this.#adopter.images()) {
      try {
        await this.#adopter.adopt(image, this.#closed.signal);
        this.#options.log.info("images.adopted", { image: image.name, digest: image.digest });
      } catch (error) {
        if (this.#closed.signal.aborted) return;
        this.#options.log.warn("images.not-adopted", {
          image: image.name,
          digest: image.digest,
          reason: (error as Error).message,
        });
      }
    }
  }

  /** A process that has just been killed holds its lock for a moment yet. */
  async #takeLock(): Promise<{ release(): void } | null> {
    const path = join(this.#store.dir, "lock");
    const deadline = performance.now() + afterlifeMs;
    for (;;) {
      const lock = this.#options.native.tryLock(path);
      if (lock || performance.now() > deadline) return lock;
      await sleep(20);
    }
  }

  /** Lets another engine have the store; this one must not be used any more. */
  close(): void {
    this.#closed.abort();
    this.#lock?.release();
  }

  count(): number {
    return this.#catalog.records.size;
  }

  /** Called after each change; returns what ends it. */
  onDidChange(listener: (change: ImageChange) => void): { dispose(): void } {
    return this.#catalog.onDidChange(listener);
  }

  /** See {@link ImagePusher.push}. */
  async push(params: ImagePushParams, options: PushOptions): Promise<ImagePushResult> {
    const result = await this.#pusher.push(params, options);
    this.#events.exchanged("push", params.reference);
    return result;
  }

  /** See {@link ImagePuller.pull}. */
  async pull(params: ImagePullParams, options?: PullOptions): Promise<ImagePullResult> {
    const result = await this.#puller.pull(params, options);
    this.#events.exchanged("pull", result.reference, result.id);
    return result;
  }

  /**
   * Newest first; with `reference` filters, only the names that match. @throws INVALID_ARGUMENT for a filter
   * that does not exist
   */
  async list(filters: Record<string, string[]> = {}): Promise<ImageSummary[]> {
    return this.#matching(filters)
      .sort((a, b) => Date.parse(b.created) - Date.parse(a.created) || (a.id < b.id ? -1 : 1))
      .map(summaryOf);
  }

  /** The same by what their names mean, with all platforms of an index. */
  async tree(filters: Record<string, string[]> = {}): Promise<ImageTree[]> {
    const images = { wanted: this.#matching(filters), all: this.#catalog.records.all() };
    return await imageTrees(this.#store, this.#garbage, images, (id) => this.#usersOf(id).length > 0);
  }

  #matching(filters: Record<string, string[]>): ImageRecord[] {
    for (const key of Object.keys(filters))
      if (!filterKeys.includes(key))
        throw new MockerError("INVALID_ARGUMENT", `invalid filter '${key}'`, {
          hint: `Filters are: ${filterKeys.join(", ")}.`,
        });
    const createdOf = (reference: string): number => Date.parse(this.#catalog.find(reference).created);
    return this.#catalog.records
      .all()
      .filter((record) => matchesFilters(record, filters, createdOf))
      .map((record) => withMatchingNames(record, filters.reference));
  }

  /** By reference, ID or unique beginning of an ID. @throws IMAGE_NOT_FOUND, NO_MATCHING_PLATFORM */
  async get(refOrId: string, platform?: string): Promise<ImageDetails> {
    const record = await this.#resolve(refOrId, platform);
    const comment = commentOf(this.#store, record.id);
    return { ...detailsOf(record), ...(comment === "" ? {} : { comment }) };
  }

  /** Docker's `tag`: gives an image one more name, and takes the name from the image that had it. */
  async tag(source: string, target: string): Promise<void> {
    const reference = parseTarget(target);
    const record = await this.#resolve(source);
    const known = this.#catalog.referenceTo(record, source);
    const digest = (known === undefined ? undefined : record.tags[known]) ?? record.manifest.digest;
    const tag = canonical(reference);
    this.#catalog.commit({ ...record, tags: { ...record.tags, [tag]: digest } }, [tag]);
    this.#events.tagged(record.id, tag);
  }

  /**
   * See {@link ImageRemover.remove}. With a platform that only another image of the same index is for, that
   * one is removed.
   */
  async remove(
    refOrId: string,
    options: RemoveOptions & { platform?: string | undefined } = {},
  ): Promise<ImageRemoveResult> {
    const record = this.#catalog.find(refOrId);
    const { id } = recordFor(this.#store, this.#catalog, record, refOrId, options.platform);
    const { untagged, deleted } = await this.#remover.remove(id === record.id ? refOrId : id, {
      inUse: this.#usersOf,
      ...options,
    });
    return { untagged, deleted };
  }

  /** Docker's `image prune`. */
  async prune({ all = false, filters = {} }: ImagePruneParams): Promise<ImagePruneResult> {
    const parseTime = (text: string): number => parsePruneTime(text, Date.now());
    const result = await this.#pruner.prune({ all, filters, inUse: this.#usersOf, parseTime });
    this.#events.pruned(result.reclaimedBytes);
    return result;
  }

  /** See {@link ImageSaver.save}. */
  save(names: readonly string[], platform?: string): AsyncGenerator<Buffer> {
    return this.#saver.save(names, platform);
  }

  /** See {@link ImageLoader.load}. */
  async load(bytes: ArchiveBytes, options?: LoadOptions): Promise<ImageLoadResult> {
    const result = await this.#loader.load(bytes, options);
    for (const { id } of result.images) this.#events.changed("load", id);
    return result;
  }

  /** See {@link ImageImporter.import}. */
  async import(
    chunks: AsyncIterable<Buffer>,
    name: string,
    params: ImportParams,
    options?: PullOptions,
  ): Promise<string> {
    const id = await this.#importer.import(chunks, name, params, options);
    this.#events.changed("import", id);
    return id;
  }

  /** See {@link ImageCommitter.commit}; the base is kept in the store meanwhile. @throws IMAGE_NOT_FOUND */
  async commit(
    imageId: string,
    params: CommitParams,
    layer: AsyncIterable<Buffer>,
    signal: AbortSignal,
  ): Promise<string> {
    const base = await this.#resolve(imageId);
    const pins: string[] = [];
    this.#garbage.pin(pins, ...keysOf(base));
    try {
      return await this.#committer.commit(base, params, layer, signal);
    } finally {
      await this.#garbage.release(pins);
    }
  }

  /** A file from the network, reached as registries are, to be imported: see {@link remoteFile}. */
  download(url: string, signal: AbortSignal, onBytes: OnBytes): AsyncGenerator<Buffer> {
    return remoteFile(url, this.#options.registry, signal, onBytes);
  }

  /** Docker's `history`: how the image came to be, the newest step first. */
  async history(refOrId: string, platform?: string): Promise<ImageHistoryEntry[]> {
    const record = await this.#resolve(refOrId, platform);
    return historyOf(record, this.#store.readBlob(record.id));
  }

  /** Proves the store, see {@link StoreCheck}. */
  async check(options: CheckOptions = {}): Promise<SystemCheckResult> {
    return await new StoreCheck(this.#checkDeps, options).run();
  }

  /** What the store takes of the disk. */
  async usage(
    vmsOf: (imageId: string) => number = (imageId) => this.#usersOf(imageId).length,
  ): Promise<SystemUsage["images"]> {
    return await storeUsage(this.#store, this.#garbage, this.#catalog.records.all(), vmsOf);
  }

  /** The image's root file system as a read-only disk for a VM. */
  async rootDisk(imageId: string): Promise<RootDisk> {
    return await this.#roots.disk(await this.#resolve(imageId));
  }

  /**
   * The image's root file system as a directory of ordinary files; nobody may write into it.
   * @param onUnpack is told how far it is made, unless it is there
   */
  async rootDirectory(imageId: string, onUnpack?: (progress: UnpackProgress) => void): Promise<string> {
    return await this.#roots.directory(await this.#resolve(imageId), onUnpack);
  }

  /**
   * Part of an image's root file system as a tar archive, for Docker's `cp`: what `path` (absolute, clean)
   * names, called `name`, and what is below it. The image's data stays in the store until the generator ends.
   * @throws IMAGE_NOT_FOUND; as it is read, an error with the code ENOENT, ENOTDIR or ELOOP for a path that
   * leads nowhere
   */
  async archive(
    refOrId: string,
    path: string,
    name: string,
    followLink: boolean,
  ): Promise<AsyncGenerator<Buffer>> {
    const record = await this.#resolve(refOrId);
    const binary = (text: string): string => Buffer.from(text).toString("latin1");
    return this.#pinned(record, () => this.#roots.archive(record, binary(path), binary(name), followLink));
  }

  async *#pinned(record: ImageRecord, work: () => AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
    const pins: string[] = [];
    this.#garbage.pin(pins, ...keysOf(record));
    try {
      yield* work();
    } finally {
      await this.#garbage.release(pins);
    }
  }

  /** The record, with the built-in image made if it is what is meant. */
  async #resolve(refOrId: string, platform?: string): Promise<ImageRecord> {
    try {
      const record = this.#catalog.find(refOrId);
      return recordFor(this.#store, this.#catalog, record, refOrId, platform);
    } catch (error) {
      if (!(error instanceof MockerError && error.code === "IMAGE_NOT_FOUND")) throw error;
      const wanted = tryParseReference(refOrId);
      if (wanted === undefined || canonical(wanted) !== helloTag) throw error;
      const record = await this.#puller.hello(new AbortController().signal, () => {});
      return recordFor(this.#store, this.#catalog, record, refOrId, platform);
    }
  }
}

/** Parses the target of `tag`. @throws INVALID_REFERENCE in Docker's words */
function parseTarget(text: string): Reference {
  let reference: Reference;
  try {
    reference = parseReference(text);
  } catch (error) {
    if (!(error instanceof MockerError)) throw error;
    throw new MockerError(
      error.code,
      `Error parsing reference: "${text}" is not a valid repository/tag: ${error.message}`,
      { hint: error.hint },
    );
  }
  if (reference.digest !== undefined)
    throw new MockerError("INVALID_REFERENCE", "refusing to create a tag with a digest reference");
  if (familiarName(reference) === "sha256")
    throw new MockerError(
      "INVALID_REFERENCE",
      "refusing to create an ambiguous tag using digest algorithm as name",
    );
  return reference;
}
