import { readdirSync, renameSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { temporaryName } from "../../../common/atomic-file.ts";
import { diskBytes } from "../../../common/disk-bytes.ts";
import type { Digest } from "../../../docker/digest.ts";
import type { ContentStore } from "./content-store.ts";
import { stemOf } from "./deferred-sync.ts";
import { removeTree } from "./remove-tree.ts";

/** The result of a sweep. */
export interface Swept {
  /** Diff IDs of layers. */
  layers: Digest[];
  /** Bytes freed on the disk; 0 unless it was to be measured. */
  bytes: number;
}

/** One file or directory of the store, and the key that images need it by. */
export interface StoredItem {
  kind: "blob" | "layer" | "root" | "directory";
  /** Digest of the blob, diff ID of the layer, chain ID of the root. */
  key: string;
  path: string;
}

/** Names that Mocker makes in each of its own directories; other files there are not touched. */
export const ownNames = {
  layersDir: /^(sha512-)?[0-9a-f]+\.(index|data|synced)$/,
  rootsDir: /^[0-9a-f]+\.(erofs|json|vmdk|synced)$/,
  rootfsDir: /^[0-9a-f]+(\.synced)?$/,
} as const;

/**
 * File names in an order of removal that may be broken off anywhere: marks of flushes first, which must not
 * outlive the flushed files; then the files that say that the rest is there, indexes and descriptors.
 */
function names(directory: string, pattern: RegExp): string[] {
  const isMark = (name: string): boolean => name.endsWith(".synced");
  const all = readdirSync(directory).filter((name) => pattern.test(name));
  const rest = all.filter((name) => !isMark(name)).sort();
  return [...all.filter(isMark), ...rest.reverse()];
}

/** Answers that {@link Garbage} needs about the images: the store itself knows only files. */
export interface GarbageOptions {
  /** Keys of every blob, layer and root that images need, see {@link StoredItem}. */
  needed(): ReadonlySet<string>;
  /**
   * Whether `needed` knows every image. While a record cannot be read it does not, and nothing is removed.
   */
  isComplete(): boolean;
}

/** Finds what the store holds for no image, and removes it. */
export class Garbage {
  readonly #store: ContentStore;
  readonly #options: GarbageOptions;
  /** Keys that running pulls need and no record names yet, with how many pulls need them. */
  readonly #pins = new Map<string, number>();

  constructor(store: ContentStore, options: GarbageOptions) {
    this.#store = store;
    this.#options = options;
  }

  /**
   * Keeps the data of `keys` until {@link release} or {@link unpin} is given `pins`, to which they are added.
   */
  pin(pins: string[], ...keys: string[]): void {
    for (const key of keys) {
      pins.push(key);
      this.#pins.set(key, (this.#pins.get(key) ?? 0) + 1);
    }
  }

  /** Unpins without a sweep: data that nothing needs any more stays for the next pull. */
  unpin(pins: string[]): void {
    for (const key of pins) {
      const count = (this.#pins.get(key) ?? 1) - 1;
      if (count === 0) this.#pins.delete(key);
      else this.#pins.set(key, count);
    }
  }

  /** Unpins, and removes data that nothing needs any more, as of an image that was removed meanwhile. */
  async release(pins: string[]): Promise<void> {
    this.unpin(pins);
    const unpinned = new Set(pins);
    await this.sweep((key) => unpinned.has(key));
  }

  /** Tells of a key whether anybody needs it now: an image, or a pull, save or check under way. */
  needs(): (key: string) => boolean {
    const live = this.#options.needed();
    return (key) => live.has(key) || this.#pins.has(key);
  }

  /** Everything in the store, whether needed or not. */
  *items(): Generator<StoredItem> {
    for (const digest of this.#store.blobs())
      yield { kind: "blob", key: digest, path: this.#store.blobPath(digest) };
    for (const name of names(this.#store.rootsDir, ownNames.rootsDir))
      yield { kind: "root", key: `sha256:${stemOf(name)}`, path: join(this.#store.rootsDir, name) };
    for (const name of names(this.#store.layersDir, ownNames.layersDir)) {
      const stem = stemOf(name);
      const key = stem.includes("-") ? stem.replace("-", ":") : `sha256:${stem}`;
      yield { kind: "layer", key, path: join(this.#store.layersDir, name) };
    }
    for (const name of names(this.#store.rootfsDir, ownNames.rootfsDir))
      yield { kind: "directory", key: `sha256:${stemOf(name)}`, path: join(this.#store.rootfsDir, name) };
  }

  /** Removes the `doomed` among the files that no record and no pin names. */
  async sweep(doomed: (key: string, path: string) => boolean, { measure = false } = {}): Promise<Swept> {
    const swept: Swept = { layers: [], bytes: 0 };
    if (!this.#options.isComplete()) return swept;
    const live = this.#options.needed();
    // No await between a look at the pins and the renames that follow from it: a pull must not begin to use
    // what is about to go. The files are deleted afterwards, which takes its time.
    const hidden: string[] = [];
    for (const { kind, key, path } of [...this.items()]) {
      if (live.has(key) || this.#pins.has(key) || !doomed(key, path)) continue;
      if (kind === "layer" && path.endsWith(".index")) swept.layers.push(key);
      hidden.push(this.#hide(path));
    }
    for (const path of hidden) {
      if (measure) swept.bytes += await diskBytes(path);
      await removeTree(path);
    }
    return swept;
  }

  #hide(path: string): string {
    const hidden = join(this.#store.ingestDir, temporaryName("removed"));
    renameSync(path, hidden);
    return hidden;
  }

  /** Removes partial downloads that no pull goes on with; returns the bytes freed. */
  async sweepPartials(): Promise<number> {
    // Hidden first, as in a sweep: a pull that begins later must not lose the bytes that it writes.
    const hidden: string[] = [];
    for (const name of readdirSync(this.#store.ingestDir)) {
      const digest = /^([a-z0-9]+)-([0-9a-f]+)\.partial$/.exec(name);
      if (!digest || this.#pins.has(`${digest[1]}:${digest[2]}`)) continue;
      hidden.push(this.#hide(join(this.#store.ingestDir, name)));
    }
    let bytes = 0;
    for (const path of hidden) {
      bytes += await diskBytes(path);
      await rm(path, { force: true });
    }
    return bytes;
  }
}

/** Time since the last change of a file, or since it was moved into its place. */
export function ageMs(path: string): number {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? Date.now());
}
