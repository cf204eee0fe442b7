import { existsSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { temporaryName, writeFileAtomic } from "../../../common/atomic-file.ts";
import { type Digest, isDigest, splitDigest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { dataBlockSize } from "../layers/data-blob.ts";
import { type ContentStore, readText } from "../store/content-store.ts";
import { sameFiles } from "../store/same-files.ts";
import { LayerMerge, type MergeLayer, type RootResult } from "./layer-merge.ts";
import { vmdkDescriptor } from "./vmdk.ts";

/** A read-only disk with an image's root file system (EROFS). */
export interface RootDisk {
  /** The VMDK descriptor. */
  path: string;
  format: "vmdk";
  /** The files that the descriptor joins, in their order, absolute. */
  files: string[];
}

/** The contents of roots/HEX.json. */
interface RootRecord extends RootResult {
  version: 1;
  diffIds: Digest[];
}

/** The root disks, one for each chain of layers, shared by all images and VMs that have the chain. */
export class RootStore {
  readonly #store: ContentStore;
  readonly #flights = new Map<Digest, Promise<RootDisk>>();

  constructor(store: ContentStore) {
    this.#store = store;
  }

  /**
   * The chain's disk, made if it is not there. `name` is the image's, for messages; `merge` may have the
   * chain's first layers already.
   */
  async disk(chain: Digest, diffIds: readonly Digest[], name: string, merge?: LayerMerge): Promise<RootDisk> {
    const known = this.#known(chain);
    if (known) return this.#describe(chain, known);
    let flight = this.#flights.get(chain);
    if (!flight) {
      flight = this.#make(chain, diffIds, name, merge).finally(() => this.#flights.delete(chain));
      this.#flights.set(chain, flight);
    }
    return await flight;
  }

  /** Merges the first `count` layers of a chain, which are in the store, if its disk will have to be made. */
  ahead(chain: Digest, diffIds: readonly Digest[], count: number, name: string, merge: LayerMerge): void {
    if (this.#flights.has(chain) || this.#known(chain)) return;
    // The caller of disk() gets the error.
    merge.apply(this.#layers(diffIds, name).slice(0, count)).catch(() => {});
  }

  #known(chain: Digest): RootRecord | undefined {
    const { vmdk, record } = this.#paths(chain);
    return existsSync(vmdk) ? readRecord(record) : undefined;
  }

  #layers(diffIds: readonly Digest[], name: string): MergeLayer[] {
    return diffIds.map((diffId, number) => {
      const { index, data } = this.#store.layerPaths(diffId);
      return {
        indexPath: index,
        dataPath: data,
        name: `${name}, layer ${number + 1} of ${diffIds.length}`,
      };
    });
  }

  /**
   * The fault of a chain's disk as far as records and sizes tell; undefined for none, or if there is no disk
   * yet.
   */
  fault(chain: Digest): string | undefined {
    const paths = this.#paths(chain);
    if (![paths.vmdk, paths.record, paths.metadata].some(existsSync)) return undefined;
    const record = readRecord(paths.record);
    if (!record) return "its record is missing or damaged";
    if (sizeOf(paths.metadata) !== record.metadataBytes) return "its metadata is cut or missing";
    for (const { layer, bytes } of record.extents) {
      const diffId = record.diffIds[layer];
      if (diffId === undefined || sizeOf(this.#store.layerPaths(diffId).data) < bytes)
        return `the data of layer ${layer + 1} is cut or missing`;
    }
    return readText(paths.vmdk) === this.#vmdk(this.#describe(chain, record), record)
      ? undefined
      : "its descriptor is damaged";
  }

  /** The fault of a chain's disk, found by making the disk again and comparing. */
  async deepFault(chain: Digest, diffIds: readonly Digest[], name: string): Promise<string | undefined> {
    const paths = this.#paths(chain);
    const known = readRecord(paths.record);
    if (!known || !existsSync(paths.metadata)) return this.fault(chain);
    const temporary = join(this.#store.ingestDir, temporaryName("root"));
    try {
      const result = await this.#build(chain, diffIds, name, temporary, new LayerMerge());
      if (JSON.stringify(result.extents) !== JSON.stringify(known.extents)) return "it refers to other data";
      if (readText(paths.record) !== JSON.stringify(recordOf(diffIds, result)))
        return "its record is damaged";
      return (await sameFiles(temporary, paths.metadata)) ? undefined : "its metadata has other contents";
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** Throws a chain's disk away; the next start makes it again. VMs that run keep it. */
  forget(chain: Digest): void {
    const { vmdk, record, metadata } = this.#paths(chain);
    // At once, so that nobody makes it again in between; the mark first, which must not be that of the next
    // one.
    for (const path of [vmdk.replace(/vmdk$/, "synced"), vmdk, record, metadata])
      rmSync(path, { force: true });
  }

  async #build(
    chain: Digest,
    diffIds: readonly Digest[],
    name: string,
    metadataPath: string,
    merge: LayerMerge,
  ): Promise<RootResult> {
    try {
      const missing = diffIds.findIndex((diffId) => !this.#store.hasLayer(diffId));
      if (missing >= 0)
        throw new MockerError(
          "STATE_CORRUPT",
          `${name}: layer ${missing + 1} is missing from the image store`,
          { hint: "Pull the image again." },
        );
      await merge.apply(this.#layers(diffIds, name));
      return await merge.write(metadataPath, splitDigest(chain).hex.slice(0, 32));
    } finally {
      merge.close();
    }
  }

  /** Relative names, so that the store can be moved. */
  #vmdk(disk: RootDisk, { metadataBytes, extents }: RootRecord): string {
    const sizes = [metadataBytes, ...extents.map(({ bytes }) => bytes)];
    return vmdkDescriptor(
      disk.files.map((file, i) => ({ file: relative(this.#store.rootsDir, file), bytes: sizes[i] ?? 0 })),
    );
  }

  async #make(
    chain: Digest,
    diffIds: readonly Digest[],
    name: string,
    merge = new LayerMerge(),
  ): Promise<RootDisk> {
    const paths = this.#paths(chain);
    const temporary = join(this.#store.ingestDir, temporaryName("root"));
    try {
      const result = await this.#build(chain, diffIds, name, temporary, merge);
      const made = recordOf(diffIds, result);
      renameSync(temporary, paths.metadata);
      writeFileAtomic(paths.record, JSON.stringify(made), this.#store.ingestDir, "nothing");
      const disk = this.#describe(chain, made);
      // Last: the disk is there when its descriptor is.
      writeFileAtomic(paths.vmdk, this.#vmdk(disk, made), this.#store.ingestDir, "nothing");
      return disk;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  #describe(chain: Digest, record: RootRecord): RootDisk {
    const { vmdk, metadata } = this.#paths(chain);
    return {
      path: vmdk,
      format: "vmdk",
      files: [
        metadata,
        ...record.extents.map(({ layer }) => this.#store.layerPaths(record.diffIds[layer] ?? "").data),
      ],
    };
  }

  #paths(chain: Digest): { vmdk: string; record: string; metadata: string } {
    const base = join(this.#store.rootsDir, splitDigest(chain).hex);
    return { vmdk: `${base}.vmdk`, record: `${base}.json`, metadata: `${base}.erofs` };
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? -1;
}

function recordOf(diffIds: readonly Digest[], { metadataBytes, extents, inodes }: RootResult): RootRecord {
  return { version: 1, diffIds: [...diffIds], metadataBytes, extents, inodes };
}

/** The record in a file; undefined if it looks damaged: VMs are given the files that it names. */
function readRecord(path: string): RootRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(path, "utf8")) as RootRecord;
    const { version, diffIds, metadataBytes, extents } = record;
    const isSound =
      version === 1 &&
      isBlocks(metadataBytes) &&
      diffIds.every(isDigest) &&
      extents.every(({ layer, bytes }) => diffIds[layer] !== undefined && isBlocks(bytes));
    return isSound ? record : undefined;
  } catch {
    return undefined;
  }
}

function isBlocks(bytes: unknown): boolean {
  return Number.isSafeInteger(bytes) && (bytes as number) > 0 && (bytes as number) % dataBlockSize === 0;
}
