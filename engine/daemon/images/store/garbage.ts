import { readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { temporaryName } from "../../../common/atomic-file.ts";
import { type Digest, splitDigest } from "../../../docker/digest.ts";
import { type ImageRecord, type ImageRecords, parseRecord, recordChain } from "../records/image-records.ts";
import type { ContentStore } from "./content-store.ts";
import { stemOf } from "./deferred-sync.ts";
import { diskBytes } from "./disk-bytes.ts";
import { removeTree } from "./remove-tree.ts";

/** What a sweep took away. */
export interface Swept {
  /** Diff IDs of layers. */
  layers: Digest[];
  /** What that freed on the disk; only if it was asked for. */
  bytes: number;
}

/** One file or folder of the store, and what it is kept for. */
export interface StoredItem {
  kind: "blob" | "layer" | "root" | "folder";
  /** Digest of the blob, diff ID of the layer, chain ID of the root. */
  key: string;
  path: string;
}

/** Which names there are in each of Mocker's own folders; others are somebody else's, and not touched. */
export const ownNames = {
  layersDir: /^(sha512-)?[0-9a-f]+\.(index|data|synced)$/,
  rootsDir: /^[0-9a-f]+\.(erofs|json|vmdk|synced)$/,
  rootfsDir: /^[0-9a-f]+(\.synced)?$/,
} as const;

/**
 * In the order in which they may go, whenever that is broken off: marks of flushes first, for they must not outlive what was flushed; then
 * what says that the rest is there, an index or a descriptor.
 */
function names(folder: string, pattern: RegExp): string[] {
  const isMark = (name: string): boolean => name.endsWith(".synced");
  const all = readdirSync(folder).filter((name) => pattern.test(name));
  const rest = all.filter((name) => !isMark(name)).sort();
  return [...all.filter(isMark), ...rest.reverse()];
}

const graveSuffix = ".removed-record";

/** What is in the store for no image: knows it and takes it away. */
export class Garbage {
  readonly #store: ContentStore;
  readonly #records: ImageRecords;
  readonly #others: () => ReadonlySet<string>;
  /** What running pulls need and no record names yet, with how many of them need it. */
  readonly #pins = new Map<string, number>();

  /** `others`: what images that are none of ours yet consist of. */
  constructor(store: ContentStore, records: ImageRecords, others: () => ReadonlySet<string>) {
    this.#others = others;
    this.#store = store;
    this.#records = records;
  }

  /** Keeps what `keys` name until {@link release} or {@link unpin} is given `pins`, to which they are added. */
  pin(pins: string[], ...keys: string[]): void {
    for (const key of keys) {
      pins.push(key);
      this.#pins.set(key, (this.#pins.get(key) ?? 0) + 1);
    }
  }

  /** What is needed no more stays, for the next pull. */
  unpin(pins: string[]): void {
    for (const key of pins) {
      const count = (this.#pins.get(key) ?? 1) - 1;
      if (count === 0) this.#pins.delete(key);
      else this.#pins.set(key, count);
    }
  }

  /** Unpins, and removes what is needed no more: its image was removed meanwhile, perhaps. */
  async release(pins: string[]): Promise<void> {
    this.unpin(pins);
    const held = new Set(pins);
    await this.sweep((key) => held.has(key));
  }

  /** What tells of a key whether anybody needs it now: an image, or a pull, save or check under way. */
  needs(): (key: string) => boolean {
    const live = this.#live();
    return (key) => live.has(key) || this.#pins.has(key);
  }

  /** What images need. */
  #live(): Set<string> {
    const live = new Set<string>(this.#others());
    for (const record of this.#records.all()) for (const key of keysOf(record)) live.add(key);
    return live;
  }

  /** Manifests of the images whose removal a crash interrupted. */
  interrupted(): Digest[] {
    return readdirSync(this.#store.ingestDir)
      .filter((name) => name.endsWith(graveSuffix))
      .flatMap((name) => parseRecord(readFileSync(join(this.#store.ingestDir, name), "utf8")) ?? [])
      .map(({ manifest }) => manifest.digest);
  }

  /** Where the record of an image stays while what it leaves behind is swept, so that a crash does not end that. */
  grave(id: Digest): string {
    return join(this.#store.ingestDir, `${splitDigest(id).hex}${graveSuffix}`);
  }

  /** Removes what the image behind a grave leaves, then the grave. */
  async bury(record: ImageRecord, options?: { measure: boolean }): Promise<Swept> {
    const own = keysOf(record);
    const swept = await this.sweep((key) => own.has(key), options);
    await rm(this.grave(record.id), { force: true });
    return swept;
  }

  /** Ends the removals that a crash interrupted. */
  async recover(): Promise<void> {
    // While a record cannot be read nothing is swept: the graves wait.
    if (this.#records.damaged.length > 0) return;
    for (const name of readdirSync(this.#store.ingestDir)) {
      if (!name.endsWith(graveSuffix)) continue;
      const path = join(this.#store.ingestDir, name);
      const record = parseRecord(readFileSync(path, "utf8"));
      if (record) await this.bury(record);
      await rm(path, { force: true });
    }
  }

  isGrave(name: string): boolean {
    return name.endsWith(graveSuffix);
  }

  /** All that the store has, whether needed or not. */
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
      yield { kind: "folder", key: `sha256:${stemOf(name)}`, path: join(this.#store.rootfsDir, name) };
  }

  /** Removes what no record and no pin names, as far as it is `doomed`. */
  async sweep(doomed: (key: string, path: string) => boolean, { measure = false } = {}): Promise<Swept> {
    const swept: Swept = { layers: [], bytes: 0 };
    if (this.#records.damaged.length > 0) return swept;
    const live = this.#live();
    // No await between a look at the pins and the removals that follow from it: what goes is out of sight at once,
    // and taken apart afterwards, which takes its time.
    const graves: string[] = [];
    for (const { kind, key, path } of [...this.items()]) {
      if (live.has(key) || this.#pins.has(key) || !doomed(key, path)) continue;
      if (kind === "layer" && path.endsWith(".index")) swept.layers.push(key);
      graves.push(this.#hide(path));
    }
    for (const grave of graves) {
      if (measure) swept.bytes += await diskBytes(grave);
      await removeTree(grave);
    }
    return swept;
  }

  #hide(path: string): string {
    const grave = join(this.#store.ingestDir, temporaryName("removed"));
    renameSync(path, grave);
    return grave;
  }

  /** Removes beginnings of downloads that nobody goes on with; returns what that freed. */
  async sweepPartials(): Promise<number> {
    // As in a sweep: a pull that begins later must not lose what it writes.
    const graves: string[] = [];
    for (const name of readdirSync(this.#store.ingestDir)) {
      const digest = /^([a-z0-9]+)-([0-9a-f]+)\.partial$/.exec(name);
      if (!digest || this.#pins.has(`${digest[1]}:${digest[2]}`)) continue;
      graves.push(this.#hide(join(this.#store.ingestDir, name)));
    }
    let bytes = 0;
    for (const grave of graves) {
      bytes += await diskBytes(grave);
      await rm(grave, { force: true });
    }
    return bytes;
  }
}

/** Every blob, layer and disk that an image needs. */
export function keysOf(record: ImageRecord): Set<string> {
  const layers = record.layers.flatMap(({ digest, diffId }) => [digest, diffId]);
  const named = record.repoDigests.map((name) => name.slice(name.indexOf("@") + 1));
  const attested = (record.attestations ?? []).flatMap(({ digest, blobs }) => [
    digest,
    ...blobs.map((blob) => blob.digest),
  ]);
  const ends = [record.id, record.manifest.digest, recordChain(record)];
  return new Set([...ends, ...Object.values(record.tags), ...named, ...layers, ...attested]);
}

/** Since the last change of a file; for a folder, too, since it was moved into its place. */
export function ageMs(path: string): number {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? Date.now());
}
