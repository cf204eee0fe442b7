import { statSync } from "node:fs";
import { open } from "node:fs/promises";
import { readRange } from "../../../common/read-range.ts";
import { plainTarHeader, tarEnd, tarPadding } from "../../../common/tar/tar-writer.ts";
import { type Digest, splitDigest } from "../../../docker/digest.ts";
import {
  canonicalName,
  familiar,
  familiarName,
  isNameOnly,
  parseReference,
  tryParseReference,
} from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { mediaTypes } from "../oci/manifest.ts";
import { type ImageCatalog, nameOf } from "../records/image-catalog.ts";
import { blobsOf, type ImageRecord } from "../records/image-records.ts";
import { recordFor } from "../records/platform-record.ts";
import { completeIndex, type Document, type StoredManifest } from "../records/stored-manifest.ts";
import type { ContentStore } from "../store/content-store.ts";
import type { Garbage } from "../store/garbage.ts";

/** An image and the names that it is saved under. */
interface Chosen {
  record: ImageRecord;
  tags: Set<string>;
  /** By tag, the index that it named when it was pulled, if all that the index lists is here. */
  indexes: Map<string, Index>;
}

interface Index {
  document: Document;
  children: StoredManifest[];
}

/**
 * Docker's `save`: an archive that is both an OCI layout (oci-layout, index.json) and what `docker save`
 * always wrote (manifest.json, repositories), as Docker 25 and later write it (moby,
 * daemon/images/tarexport). Blobs go in as they were pulled, each once; so does an index, with all the images
 * and attestations that it lists, if all of them are here and no platform is asked for.
 */
export class ImageSaver {
  readonly #store: ContentStore;
  readonly #catalog: ImageCatalog;
  readonly #garbage: Garbage;

  constructor(store: ContentStore, catalog: ImageCatalog, garbage: Garbage) {
    this.#store = store;
    this.#catalog = catalog;
    this.#garbage = garbage;
  }

  /**
   * The archive of images by their names, which it has then, or IDs. Errors come before the first byte; the
   * images' data is kept in the store until the generator ends or is returned.
   */
  save(names: readonly string[], platform: string | undefined): AsyncGenerator<Buffer> {
    const chosen = this.#choose(names, platform);
    this.#blobs(chosen);
    return this.#write(chosen);
  }

  #choose(names: readonly string[], platform: string | undefined): Chosen[] {
    const chosen = new Map<Digest, Chosen>();
    const take = (found: ImageRecord, name: string, tags: readonly string[]): void => {
      const record = recordFor(this.#store, this.#catalog, found, name, platform);
      const known = chosen.get(record.id) ?? { record, tags: new Set(), indexes: new Map() };
      for (const tag of tags) {
        known.tags.add(tag);
        const index = platform === undefined ? completeIndex(this.#store, record.tags[tag] ?? "") : undefined;
        if (index) known.indexes.set(tag, index);
      }
      chosen.set(record.id, known);
    };
    for (const name of names) {
      const repository = this.#repository(name);
      if (repository.length > 0) {
        for (const [record, tag] of repository) take(record, familiar(parseReference(tag)), [tag]);
        continue;
      }
      const record = this.#catalog.find(name);
      const reference = this.#catalog.referenceTo(record, name);
      take(record, name, reference === undefined || reference.includes("@") ? [] : [reference]);
    }
    return [...chosen.values()];
  }

  /** A name without a tag means all tags of the repository. */
  #repository(name: string): [ImageRecord, string][] {
    const reference = isNameOnly(name) ? tryParseReference(name) : undefined;
    if (reference === undefined) return [];
    const wanted = canonicalName(reference);
    return this.#catalog.records
      .all()
      .flatMap((record) =>
        Object.keys(record.tags)
          .filter((tag) => canonicalName(parseReference(tag)) === wanted)
          .map((tag): [ImageRecord, string] => [record, tag]),
      )
      .sort(([, a], [, b]) => (a < b ? -1 : 1));
  }

  /** The blobs that go into the archive, each once. @throws STATE_CORRUPT if one is missing */
  #blobs(chosen: readonly Chosen[]): Set<Digest> {
    const blobs = new Set<Digest>();
    for (const { record, indexes } of chosen)
      for (const { digest, size } of [...blobsOf(record), ...[...indexes.values()].flatMap(blobsOfIndex)]) {
        const stored = statSync(this.#store.blobPath(digest), { throwIfNoEntry: false });
        if (!stored || (size !== undefined && stored.size !== size))
          throw new MockerError(
            "STATE_CORRUPT",
            `${nameOf(record)}: the blob ${digest} is missing or damaged`,
            {
              hint: 'Pull the image again; "mocker system check" tells more.',
            },
          );
        blobs.add(digest);
      }
    return blobs;
  }

  async *#write(chosen: readonly Chosen[]): AsyncGenerator<Buffer> {
    const pins: string[] = [];
    try {
      // Once more: an image may have been removed before the reader asked for the first byte.
      const blobs = this.#blobs(chosen);
      this.#garbage.pin(pins, ...blobs);
      // The documents that describe the rest come first, for readers of a stream.
      for (const [name, text] of documentsOf(chosen)) yield member(name, Buffer.from(text));
      const directories = new Set(["blobs/"]);
      for (const digest of blobs) directories.add(`blobs/${splitDigest(digest).algorithm}/`);
      for (const name of directories) yield plainTarHeader(name, 0o755);
      for (const digest of blobs) yield* this.#blob(digest);
      yield tarEnd;
    } finally {
      await this.#garbage.release(pins);
    }
  }

  async *#blob(digest: Digest): AsyncGenerator<Buffer> {
    const file = await open(this.#store.blobPath(digest), "r");
    try {
      const { size } = await file.stat();
      yield plainTarHeader(memberOf(digest), 0o644, size);
      let length = 0;
      for await (const chunk of readRange(file, 0, size)) {
        length += chunk.length;
        yield chunk;
      }
      if (length < size) throw new MockerError("STATE_CORRUPT", `the blob ${digest} became shorter`);
      yield Buffer.alloc(tarPadding(size));
    } finally {
      await file.close();
    }
  }
}

/** A small file of the archive. */
function member(name: string, contents: Buffer): Buffer {
  const padding = Buffer.alloc(tarPadding(contents.length));
  return Buffer.concat([plainTarHeader(name, 0o644, contents.length), contents, padding]);
}

/** The files that describe the archive: those of an OCI layout, and those of `docker save`. */
function documentsOf(chosen: readonly Chosen[]): [name: string, text: string][] {
  const repositories = repositoriesOf(chosen);
  const documents: [string, string][] = [
    ["oci-layout", '{"imageLayoutVersion":"1.0.0"}'],
    ["index.json", JSON.stringify(indexOf(chosen))],
    ["manifest.json", JSON.stringify(chosen.map(listed))],
  ];
  if (Object.keys(repositories).length > 0) documents.push(["repositories", JSON.stringify(repositories)]);
  return documents;
}

function blobsOfIndex({ document, children }: Index): { digest: Digest; size: number }[] {
  const documents = [document, ...children.map((child) => child.document)];
  return [
    ...documents.map(({ digest, bytes }) => ({ digest, size: bytes.length })),
    ...children.flatMap(({ config, layers }) => [config, ...layers]),
  ];
}

function memberOf(digest: Digest): string {
  const { algorithm, hex } = splitDigest(digest);
  return `blobs/${algorithm}/${hex}`;
}

/** The layout's index.json: a line for each name, as Docker annotates them. */
function indexOf(chosen: readonly Chosen[]): object {
  const manifests = chosen.flatMap(({ record: { manifest }, tags, indexes }) => {
    const descriptor = { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size };
    if (tags.size === 0) return [descriptor];
    return [...tags].sort().map((tag) => {
      const index = indexes.get(tag)?.document;
      return {
        ...(index
          ? { mediaType: index.mediaType, digest: index.digest, size: index.bytes.length }
          : descriptor),
        annotations: {
          "io.containerd.image.name": tag,
          "org.opencontainers.image.ref.name": parseReference(tag).tag ?? "latest",
        },
      };
    });
  });
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
}

/** manifest.json's line for an image. */
function listed({ record, tags }: Chosen): object {
  return {
    Config: memberOf(record.id),
    RepoTags: tags.size === 0 ? null : [...tags].sort().map((tag) => familiar(parseReference(tag))),
    Layers: record.layers.map(({ digest }) => memberOf(digest)),
  };
}

/** The file for readers older than Docker 1.10: repository → tag → top layer. */
function repositoriesOf(chosen: readonly Chosen[]): Record<string, Record<string, string>> {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { record, tags } of chosen) {
    const top = record.layers.at(-1);
    if (!top) continue;
    for (const text of [...tags].sort()) {
      const reference = parseReference(text);
      const name = familiarName(reference);
      repositories[name] = {
        ...repositories[name],
        [reference.tag ?? "latest"]: splitDigest(top.digest).hex,
      };
    }
  }
  return repositories;
}
