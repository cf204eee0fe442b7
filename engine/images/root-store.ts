import { existsSync, readFileSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { temporaryName, writeFileAtomic } from "../atomic-file.ts";
import { MockerError } from "../protocol/errors.ts";
import type { ContentStore } from "./content-store.ts";
import { type Digest, splitDigest } from "./digest.ts";
import type { RootResult } from "./layer-job.ts";
import type { LayerPool } from "./layer-pool.ts";
import { vmdkDescriptor } from "./vmdk.ts";

/** A read-only disk with an image's root file system (EROFS). */
export interface RootDisk {
  /** The VMDK descriptor. */
  path: string;
  format: "vmdk";
  /** The files that the descriptor joins, in their order, absolute. */
  files: string[];
}

/** What roots/HEX.json holds. */
interface RootRecord extends RootResult {
  version: 1;
  diffIds: Digest[];
}

/** The root disks, one for each chain of layers, shared by all images and VMs that have the chain. */
export class RootStore {
  readonly #store: ContentStore;
  readonly #pool: LayerPool;
  readonly #flights = new Map<Digest, Promise<RootDisk>>();

  constructor(store: ContentStore, pool: LayerPool) {
    this.#store = store;
    this.#pool = pool;
  }

  /** The chain's disk, made if it is not there. `name` is the image's, for messages. */
  disk(chain: Digest, diffIds: readonly Digest[], name: string): Promise<RootDisk> {
    const { vmdk, record } = this.#paths(chain);
    if (existsSync(vmdk)) {
      const known = readRecord(record);
      if (known) return Promise.resolve(this.#describe(chain, known));
    }
    let flight = this.#flights.get(chain);
    if (!flight) {
      flight = this.#make(chain, diffIds, name).finally(() => this.#flights.delete(chain));
      this.#flights.set(chain, flight);
    }
    return flight;
  }

  async #make(chain: Digest, diffIds: readonly Digest[], name: string): Promise<RootDisk> {
    const paths = this.#paths(chain);
    const temporary = join(this.#store.ingestDir, temporaryName("root"));
    try {
      const { result } = this.#pool.root({
        op: "root",
        layers: diffIds.map((diffId, number) => {
          if (!this.#store.hasLayer(diffId))
            throw new MockerError(
              "STATE_CORRUPT",
              `${name}: layer ${number + 1} is missing from the image store`,
              {
                hint: "Pull the image again.",
              },
            );
          return {
            indexPath: this.#store.layerPaths(diffId).index,
            name: `${name}, layer ${number + 1} of ${diffIds.length}`,
          };
        }),
        metadataPath: temporary,
        uuid: splitDigest(chain).hex.slice(0, 32),
      });
      const made: RootRecord = { version: 1, diffIds: [...diffIds], ...(await result) };
      renameSync(temporary, paths.metadata);
      writeFileAtomic(paths.record, JSON.stringify(made), this.#store.ingestDir, false);
      const disk = this.#describe(chain, made);
      const sizes = [made.metadataBytes, ...made.extents.map(({ bytes }) => bytes)];
      // Last: the disk is there when its descriptor is. Relative names, so that the store can be moved.
      writeFileAtomic(
        paths.vmdk,
        vmdkDescriptor(
          disk.files.map((file, i) => ({ file: relative(this.#store.rootsDir, file), bytes: sizes[i] ?? 0 })),
        ),
        this.#store.ingestDir,
        false,
      );
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

function readRecord(path: string): RootRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(path, "utf8")) as RootRecord;
    return record.version === 1 ? record : undefined;
  } catch {
    return undefined;
  }
}
