import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, splitDigest } from "../../../docker/digest.ts";
import type { ContentStore } from "../store/content-store.ts";
import type { Garbage, Swept } from "../store/garbage.ts";
import { type ImageRecord, keysOf, parseRecord } from "./image-records.ts";

const suffix = ".removed-record";

/** Whether a file in the ingest directory is a tombstone, by its name. */
export function isTombstone(name: string): boolean {
  return name.endsWith(suffix);
}

/**
 * Tombstones: records of removed images, kept in the ingest directory while the images' data is deleted, so
 * that the next engine ends a removal that a crash interrupted.
 */
export class Tombstones {
  readonly #store: ContentStore;
  readonly #garbage: Garbage;

  constructor(store: ContentStore, garbage: Garbage) {
    this.#store = store;
    this.#garbage = garbage;
  }

  /** Where the record of a removed image goes. */
  path(id: Digest): string {
    return join(this.#store.ingestDir, `${splitDigest(id).hex}${suffix}`);
  }

  /** Manifests of the images whose removal a crash interrupted. */
  manifests(): Digest[] {
    return this.#names()
      .flatMap((name) => parseRecord(readFileSync(join(this.#store.ingestDir, name), "utf8")) ?? [])
      .map(({ manifest }) => manifest.digest);
  }

  /** Deletes what only a removed image needed, then its tombstone. */
  async collectRemoved(record: ImageRecord, options?: { measure: boolean }): Promise<Swept> {
    const own = keysOf(record);
    const swept = await this.#garbage.sweep((key) => own.has(key), options);
    await rm(this.path(record.id), { force: true });
    return swept;
  }

  /**
   * Ends the removals that a crash interrupted. Not to be called while a record cannot be read: nothing is
   * swept then.
   */
  async recover(): Promise<void> {
    for (const name of this.#names()) {
      const path = join(this.#store.ingestDir, name);
      const record = parseRecord(readFileSync(path, "utf8"));
      if (record) await this.collectRemoved(record);
      await rm(path, { force: true });
    }
  }

  #names(): string[] {
    return readdirSync(this.#store.ingestDir).filter(isTombstone);
  }
}
