import { createHash } from "node:crypto";
import { readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { syncDirectory, writeFileAtomic } from "../../../common/atomic-file.ts";
import { chainId, type Digest, isDigest, splitDigest } from "../../../docker/digest.ts";
import type { ImageRunConfig } from "../../../protocol/image.ts";

/** An attestation that the store has, as a record names it. */
export interface AttestationRecord {
  digest: Digest;
  size: number;
  /** Its configuration and layers. */
  blobs: { digest: Digest; size: number }[];
}

/** The contents of records/HEX.json: the one truth about which images there are. */
export interface ImageRecord {
  /** 2: the file ends with a checksum; 1: an earlier Mocker wrote it, without. */
  version: 1 | 2;
  /** Digest of the configuration. */
  id: Digest;
  manifest: { digest: Digest; mediaType: string; size: number };
  /**
   * Canonical reference with its tag → the digest that the tag named in its registry (an index's, perhaps).
   */
  tags: Record<string, Digest>;
  /** Canonical `name@digest` of registries. */
  repoDigests: string[];
  layers: LayerRecord[];
  created: string;
  author: string;
  architecture: string;
  os: string;
  variant: string;
  config: ImageRunConfig;
  /** Attestations that the indexes list by which the image was pulled. Older versions stored none. */
  attestations?: AttestationRecord[];
  /** Counts the changes of records: of two that claim a tag, as a crash leaves them, the later one has it. */
  generation?: number;
}

/** A layer of an image. */
export interface LayerRecord {
  digest: Digest;
  diffId: Digest;
  sizeBytes: number;
  tarBytes: number;
  /** Bytes of its files. Older versions stored none. */
  contentBytes?: number;
}

/** The size of a layer as Docker tells it: that of its files, or of its tar where that alone is known. */
export function shownBytes({ contentBytes, tarBytes }: LayerRecord): number {
  return contentBytes ?? tarBytes;
}

/** The records in a directory, with a copy in memory; the directory has one writer. */
export class ImageRecords {
  readonly #directory: string;
  readonly #temporaryDirectory: string;
  readonly #records = new Map<Digest, ImageRecord>();
  #generation = 0;
  #damaged: string[] = [];

  constructor(directory: string, temporaryDirectory: string) {
    this.#directory = directory;
    this.#temporaryDirectory = temporaryDirectory;
  }

  /** Files that are no records. While there are any, nothing can be called garbage. */
  get damaged(): readonly string[] {
    return this.#damaged;
  }

  /** Reads the directory, and ends what a crash left half done. The caller holds the store's lock. */
  load(): void {
    this.#records.clear();
    this.#damaged = [];
    for (const name of readdirSync(this.#directory)) {
      if (!name.endsWith(".json")) continue;
      const record = parseRecord(readFileSync(join(this.#directory, name), "utf8"));
      if (record && name === `${splitDigest(record.id).hex}.json`) this.#records.set(record.id, record);
      else this.#damaged.push(join(this.#directory, name));
    }
    const byGeneration = this.all().sort((a, b) => (b.generation ?? 0) - (a.generation ?? 0));
    this.#generation = byGeneration[0]?.generation ?? 0;
    const claimed = new Set<string>();
    for (const record of byGeneration) {
      const own = Object.entries(record.tags).filter(([tag]) => !claimed.has(tag));
      for (const [tag] of own) claimed.add(tag);
      if (own.length < Object.keys(record.tags).length)
        this.put({ ...record, tags: Object.fromEntries(own) });
    }
  }

  get size(): number {
    return this.#records.size;
  }

  all(): ImageRecord[] {
    return [...this.#records.values()];
  }

  get(id: Digest): ImageRecord | undefined {
    return this.#records.get(id);
  }

  /** Durable when it returns. */
  put(record: ImageRecord): void {
    const written: ImageRecord = { ...record, version: 2, generation: ++this.#generation };
    writeFileAtomic(this.#path(record.id), recordText(written), this.#temporaryDirectory);
    this.#records.set(record.id, written);
    this.#damaged = this.#damaged.filter((path) => path !== this.#path(record.id));
  }

  /** Whether the file says what it said when it was read or written. */
  isIntact(record: ImageRecord): boolean {
    try {
      const found = parseRecord(readFileSync(this.#path(record.id), "utf8"));
      return JSON.stringify(found) === JSON.stringify(record);
    } catch {
      return false;
    }
  }

  /** Removes the record for good; its file is renamed to `tombstone` until the image's data is deleted. */
  delete(id: Digest, tombstone: string): void {
    renameSync(this.#path(id), tombstone);
    syncDirectory(this.#directory);
    syncDirectory(this.#temporaryDirectory);
    this.#records.delete(id);
  }

  #path(id: Digest): string {
    return join(this.#directory, `${splitDigest(id).hex}.json`);
  }
}

/** A record as its file has it: the last property is the SHA-256 of the text without it. */
export function recordText(record: ImageRecord): string {
  const text = JSON.stringify(record);
  return `${text.slice(0, -1)},"checksum":"${checksum(text)}"}\n`;
}

function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The record that a file holds; undefined if it holds none, or another one than was written. */
export function parseRecord(text: string): ImageRecord | undefined {
  const [end, sum] = /,"checksum":"([0-9a-f]{64})"\}\n$/.exec(text) ?? [];
  const written = end === undefined ? text : `${text.slice(0, -end.length)}}`;
  try {
    const record = JSON.parse(written) as Partial<ImageRecord>;
    const isWhole = sum === undefined ? record.version === 1 : sum === checksum(written);
    return isWhole &&
      (record.version === 1 || record.version === 2) &&
      isDigest(record.id) &&
      isDigest(record.manifest?.digest) &&
      Array.isArray(record.layers)
      ? (record as ImageRecord)
      : undefined;
  } catch {
    return undefined;
  }
}

export function recordChain(record: ImageRecord): Digest {
  return chainId(record.layers.map(({ diffId }) => diffId));
}

const maximumAttestations = 64;

/** The record with further attestations; of very many, the oldest are dropped. */
export function withAttestations(record: ImageRecord, added: readonly AttestationRecord[]): ImageRecord {
  if (added.length === 0) return record;
  const known = (record.attestations ?? []).filter(({ digest }) =>
    added.every((one) => one.digest !== digest),
  );
  return { ...record, attestations: [...known, ...added].slice(-maximumAttestations) };
}

/**
 * The blobs of an image in the order in which readers need them; without a size where the record does not
 * tell it.
 */
export function blobsOf(record: ImageRecord): { digest: Digest; size: number | undefined }[] {
  return [
    { digest: record.manifest.digest, size: record.manifest.size },
    { digest: record.id, size: undefined },
    ...record.layers.map(({ digest, sizeBytes }) => ({ digest, size: sizeBytes })),
  ];
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
