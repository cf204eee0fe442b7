import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { temporaryName } from "../../../common/atomic-file.ts";
import { type Digest, splitDigest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { UnpackProgress } from "../../../protocol/vm.ts";
import type { LayerStore } from "../layers/layer-store.ts";
import type { BlobSource } from "../oci/blob-source.ts";
import { nameOf } from "../records/image-catalog.ts";
import { type ImageRecord, type ImageRecords, recordChain } from "../records/image-records.ts";
import type { ContentStore } from "../store/content-store.ts";
import type { DeferredSync } from "../store/deferred-sync.ts";
import { removeTree } from "../store/remove-tree.ts";
import type { RootDisk, RootStore } from "./root-store.ts";
import type { StoreJob } from "./store-job.ts";
import { runArchiveJob, runStoreJob } from "./store-thread.ts";

type OnUnpack = (progress: UnpackProgress) => void;

/** The root file systems of images, as disks and as directories. */
export class ImageRoots {
  readonly #store: ContentStore;
  readonly #records: ImageRecords;
  readonly #layers: LayerStore;
  readonly #roots: RootStore;
  readonly #sync: DeferredSync;
  readonly #flights = new Map<Digest, { directory: Promise<string>; listeners: Set<OnUnpack> }>();

  constructor(
    store: ContentStore,
    records: ImageRecords,
    layers: LayerStore,
    roots: RootStore,
    sync: DeferredSync,
  ) {
    this.#records = records;
    this.#store = store;
    this.#layers = layers;
    this.#roots = roots;
    this.#sync = sync;
  }

  /** The image's root file system as a read-only disk for a VM. */
  async disk(record: ImageRecord): Promise<RootDisk> {
    await this.#restoreLayers(record);
    return await this.#roots.disk(
      recordChain(record),
      record.layers.map(({ diffId }) => diffId),
      nameOf(record),
    );
  }

  /**
   * The image's root file system as a directory of ordinary files; nobody may write into it.
   * @param onUnpack is told how far it is made, unless it is there
   */
  async directory(record: ImageRecord, onUnpack?: OnUnpack): Promise<string> {
    const chain = recordChain(record);
    const path = join(this.#store.rootfsDir, splitDigest(chain).hex);
    if (existsSync(path)) return path;
    let flight = this.#flights.get(chain);
    if (!flight) {
      const listeners = new Set<OnUnpack>();
      const onProgress: OnUnpack = (progress) => {
        for (const listener of listeners) listener(progress);
      };
      const directory = this.#unpack(record, path, onProgress).finally(() => this.#flights.delete(chain));
      flight = { directory, listeners };
      this.#flights.set(chain, flight);
    }
    if (onUnpack) flight.listeners.add(onUnpack);
    return await flight.directory;
  }

  /**
   * Part of the image's root file system as a tar archive. `path` is absolute, and called `name` there; both
   * are binary strings. See {@link runArchiveJob} for what it throws.
   */
  async *archive(
    record: ImageRecord,
    path: string,
    name: string,
    followLink: boolean,
  ): AsyncGenerator<Buffer> {
    await this.#restoreLayers(record);
    const { layers } = this.treeOf(record);
    yield* runArchiveJob({ op: "archive", layers, path, name, followLink });
  }

  /** Converts layers again that deferred-sync.ts had to throw away. */
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
      // Another version of Mocker may lay out its data otherwise: disks that refer to it are made again.
      this.forget(this.#records.all().filter(({ layers }) => layers.some((l) => l.diffId === diffId)));
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

  async #unpack(record: ImageRecord, path: string, onProgress: OnUnpack): Promise<string> {
    await this.#restoreLayers(record);
    const temporary = join(this.#store.ingestDir, temporaryName("rootfs"));
    try {
      const job = { op: "unpack" as const, directory: temporary, ...this.treeOf(record) };
      await runStoreJob(job, { onProgress });
      renameSync(temporary, path);
      this.#sync.schedule();
    } catch (error) {
      await removeTree(temporary);
      throw error;
    }
    return path;
  }

  /** Throws images' disks away; they are made again when they are needed. VMs that run keep theirs. */
  forget(records: readonly ImageRecord[]): void {
    for (const record of records) this.#roots.forget(recordChain(record));
  }

  /** The unpacked directory of an image, if there is one. */
  unpacked(record: ImageRecord): string | undefined {
    const path = join(this.#store.rootfsDir, splitDigest(recordChain(record)).hex);
    return existsSync(path) ? path : undefined;
  }

  /** The part of a store worker's job that describes the image's tree. */
  treeOf(record: ImageRecord): Pick<StoreJob, "layers" | "privileged"> {
    const count = record.layers.length;
    return {
      layers: record.layers.map(({ diffId }, number) => {
        const { index, data } = this.#store.layerPaths(diffId);
        return {
          indexPath: index,
          dataPath: data,
          name: `${nameOf(record)}, layer ${number + 1} of ${count}`,
        };
      }),
      privileged: process.getuid?.() === 0,
    };
  }
}
