import { existsSync } from "node:fs";
import { type Digest, isDigest, shortDigest } from "../../../docker/digest.ts";
import {
  canonical,
  canonicalName,
  familiar,
  parseReference,
  splitTransport,
  tryParseReference,
} from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { ImageChange } from "../../../protocol/image.ts";
import type { ContentStore, LayoutEntry } from "../store/content-store.ts";
import { translateNoSpace } from "../store/no-space.ts";
import { type ImageRecord, ImageRecords } from "./image-records.ts";
import { summaryOf } from "./image-summary.ts";

/** The images in the store, by name and ID; listeners are told of every change. */
export class ImageCatalog {
  readonly records: ImageRecords;
  /** Canonical references that pulls under way will give to images, with how many of them. */
  readonly awaited = new Map<string, number>();
  readonly #store: ContentStore;
  /**
   * Lines of index.json about images whose records are damaged: the only place where their names are left.
   */
  #lost: LayoutEntry[] = [];
  /**
   * Lines of index.json that other programs have written, and the manifests that this engine has listed
   * itself.
   */
  #foreign: LayoutEntry[] = [];
  #listed = new Set<Digest>();
  readonly #listeners = new Set<(change: ImageChange) => void>();

  constructor(store: ContentStore) {
    this.#store = store;
    this.records = new ImageRecords(store.recordsDir, store.ingestDir);
  }

  /**
   * Reads the records; the caller holds the store's lock. `removed`: manifests of images that a crash left
   * half removed.
   */
  load(removed: readonly Digest[] = []): void {
    this.records.load();
    this.#foreign = [];
    this.#listed = new Set(removed);
    const known = new Set(this.records.all().map(({ manifest }) => manifest.digest));
    this.#lost =
      this.records.damaged.length === 0
        ? []
        : this.#store.readLayout().filter(({ digest }) => !known.has(digest));
  }

  /**
   * Images that other programs have put into index.json and that are not adopted yet; those whose manifest is
   * missing are left out.
   */
  foreign(): readonly LayoutEntry[] {
    // While a record is missing, its image would look like a foreign one.
    if (this.records.damaged.length > 0) return [];
    const known = new Set(this.records.all().map(({ manifest }) => manifest.digest));
    const isForeign = (entry: LayoutEntry): boolean =>
      !known.has(entry.digest) &&
      !this.#listed.has(entry.digest) &&
      !isOurs(entry) &&
      existsSync(this.#store.blobPath(entry.digest));
    const entries = [...this.#foreign, ...this.#store.readLayout()].filter(isForeign);
    const key = ({ digest, name, canonicalName }: LayoutEntry) =>
      JSON.stringify([digest, name, canonicalName]);
    this.#foreign = [...new Map(entries.map((entry) => [key(entry), entry])).values()];
    return this.#foreign;
  }

  /** Takes a foreign manifest out of index.json; if the image was adopted, index.json lists it as ours. */
  forgetForeign(manifest: Digest): void {
    this.#foreign = this.#foreign.filter(({ digest }) => digest !== manifest);
    this.#listed.add(manifest);
    this.writeLayout();
  }

  /** Lines of index.json about images whose records are damaged. */
  get lost(): readonly LayoutEntry[] {
    return this.#lost;
  }

  /** Called after each change; returns what ends it. */
  onDidChange(listener: (change: ImageChange) => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  /** The record's tag or repository digest that `text` means, if it does. */
  referenceTo(record: ImageRecord, text: string): string | undefined {
    const reference = tryParseReference(text);
    if (reference === undefined) return undefined;
    if (reference.digest !== undefined) {
      const name = `${canonicalName(reference)}@${reference.digest}`;
      return record.repoDigests.includes(name) ? name : undefined;
    }
    const name = canonical(reference);
    return record.tags[name] === undefined ? undefined : name;
  }

  find(refOrId: string): ImageRecord {
    const records = this.records.all();
    const byName = records.find((record) => this.referenceTo(record, refOrId) !== undefined);
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
    throw new MockerError("IMAGE_NOT_FOUND", notFound(refOrId), {
      hint: 'See "mocker images" for what is there; what is not there yet can be pulled.',
    });
  }

  /** Writes the record; tags that another image had move. */
  commit(record: ImageRecord, tags: readonly string[]): void {
    const added = this.records.get(record.id) === undefined;
    this.records.put(record);
    for (const other of this.records.all()) {
      if (other.id === record.id) continue;
      const moved = tags.filter((tag) => other.tags[tag] !== undefined);
      if (moved.length === 0) continue;
      const rest = Object.fromEntries(Object.entries(other.tags).filter(([tag]) => !moved.includes(tag)));
      this.records.put({ ...other, tags: rest });
      this.#emit({ kind: "changed", id: other.id, image: summaryOf({ ...other, tags: rest }) });
    }
    this.writeLayout();
    this.#emit({ kind: added ? "added" : "changed", id: record.id, image: summaryOf(record) });
  }

  update(old: ImageRecord, record: ImageRecord): void {
    this.records.put(record);
    this.writeLayout();
    this.#emit({ kind: "changed", id: old.id, image: summaryOf(record) });
  }

  /**
   * On a full disk index.json lags behind the records until there is room: what is removed must not need any.
   */
  writeLayout(): void {
    const foreign = this.foreign();
    const own = this.layout();
    try {
      this.#store.writeLayout([...own, ...foreign]);
    } catch (error) {
      if (translateNoSpace(error) === error) throw error;
      // The manifests that the old index.json lists are still our own.
      for (const { digest } of own) this.#listed.add(digest);
      return;
    }
    // A manifest that comes back after it was no longer listed has been put there by another program.
    this.#listed = new Set(own.map(({ digest }) => digest));
  }

  /** The lines of index.json for our own images. */
  layout(): LayoutEntry[] {
    if (this.records.damaged.length === 0) this.#lost = [];
    const entries: LayoutEntry[] = [...this.#lost];
    for (const { manifest, tags } of this.records.all()) {
      const names: (string | undefined)[] = Object.keys(tags).sort();
      for (const tag of names.length === 0 ? [undefined] : names)
        entries.push({
          ...manifest,
          name: tag === undefined ? undefined : familiar(parseReference(tag)),
          canonicalName: tag,
        });
    }
    return entries;
  }

  #emit(change: ImageChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  /**
   * Deletes an image's record: all that only this image needs is garbage from then on. `tombstone`: see
   * {@link ImageRecords.delete}.
   */
  delete(id: Digest, tombstone: string): void {
    this.records.delete(id, tombstone);
    this.writeLayout();
  }

  /** Tells listeners that an image's data is gone too; that may have made room for index.json. */
  removed(id: Digest): void {
    this.writeLayout();
    this.#emit({ kind: "removed", id });
  }
}

/**
 * Only we write both names so. Such an entry without a record is of an image that was removed: index.json may
 * lag behind.
 */
function isOurs({ name, canonicalName }: LayoutEntry): boolean {
  const reference = canonicalName === undefined ? undefined : tryParseReference(canonicalName);
  return reference !== undefined && name === familiar(reference);
}

/** Why no image is found: there is none, or what was typed can be no image's name. */
function notFound(refOrId: string): string {
  const isId = isDigest(refOrId) || /^[0-9a-f]{64}$/.test(refOrId);
  if (isId || splitTransport(refOrId) !== undefined) return `No such image: ${refOrId}`;
  try {
    return `No such image: ${familiar(parseReference(refOrId))}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The name that messages call the image by: a tag, or else its short ID. */
export function nameOf(record: ImageRecord): string {
  const [tag] = Object.keys(record.tags);
  return tag === undefined ? shortDigest(record.id) : familiar(parseReference(tag));
}
