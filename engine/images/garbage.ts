import { readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { temporaryName } from "../atomic-file.ts";
import type { ContentStore } from "./content-store.ts";
import { stemOf } from "./deferred-sync.ts";
import type { Digest } from "./digest.ts";
import { type ImageRecord, type ImageRecords, recordChain } from "./image-records.ts";
import { removeTree } from "./remove-tree.ts";

/** What is in the store for no image: knows it and takes it away. */
export class Garbage {
  readonly #store: ContentStore;
  readonly #records: ImageRecords;
  /** What running pulls need and no record names yet, with how many of them need it. */
  readonly #pins = new Map<string, number>();

  constructor(store: ContentStore, records: ImageRecords) {
    this.#store = store;
    this.#records = records;
  }

  /** Keeps what `keys` name until {@link unpin} is given `pins`, to which they are added. */
  pin(pins: string[], ...keys: string[]): void {
    for (const key of keys) {
      pins.push(key);
      this.#pins.set(key, (this.#pins.get(key) ?? 0) + 1);
    }
  }

  unpin(pins: string[]): void {
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
  async sweep(doomed: (key: string, path: string) => boolean): Promise<Digest[]> {
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
export function keysOf(record: ImageRecord): Set<string> {
  const layers = record.layers.flatMap(({ digest, diffId }) => [digest, diffId]);
  return new Set([record.id, record.manifest.digest, recordChain(record), ...layers]);
}

/** Since the last change of a file; for a folder, too, since it was moved into its place. */
export function ageMs(path: string): number {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? Date.now());
}
