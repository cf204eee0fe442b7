import { createHash } from "node:crypto";
import { readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { syncFolder, writeFileAtomic } from "../../../common/atomic-file.ts";
import { chainId, type Digest, isDigest, splitDigest } from "../../../docker/digest.ts";
import { familiar, familiarName, parseReference, type Reference } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { ImageDetails, ImageRunConfig, ImageSummary } from "../../../protocol/image.ts";
import type { AttestationRecord } from "../ingest/attestations.ts";

/** What records/HEX.json holds: the one truth about which images there are. */
export interface ImageRecord {
  /** 2: the file ends with a checksum; 1: an earlier Mocker wrote it, without. */
  version: 1 | 2;
  /** Digest of the configuration. */
  id: Digest;
  manifest: { digest: Digest; mediaType: string; size: number };
  /** Canonical reference with its tag → the digest that the tag named in its registry (an index's, perhaps). */
  tags: Record<string, Digest>;
  /** Canonical `name@digest` of registries. */
  repoDigests: string[];
  layers: { digest: Digest; diffId: Digest; sizeBytes: number; tarBytes: number }[];
  created: string;
  author: string;
  architecture: string;
  os: string;
  variant: string;
  config: ImageRunConfig;
  /** What the indexes that it was pulled by list about it. */
  attestations?: AttestationRecord[];
  /** Counts the changes of records: of two that claim a tag, as a crash leaves them, the later one has it. */
  generation?: number;
}

/** The records in a folder, with a copy in memory; the folder has one writer. */
export class ImageRecords {
  readonly #folder: string;
  readonly #temporaryFolder: string;
  readonly #records = new Map<Digest, ImageRecord>();
  #generation = 0;
  #damaged: string[] = [];

  constructor(folder: string, temporaryFolder: string) {
    this.#folder = folder;
    this.#temporaryFolder = temporaryFolder;
  }

  /** Files that are no records. While there are any, nothing can be called garbage. */
  get damaged(): readonly string[] {
    return this.#damaged;
  }

  /** Reads the folder, and ends what a crash left half done. Only whoever has locked the store may. */
  load(): void {
    this.#records.clear();
    this.#damaged = [];
    for (const name of readdirSync(this.#folder)) {
      if (!name.endsWith(".json")) continue;
      const record = parseRecord(readFileSync(join(this.#folder, name), "utf8"));
      if (record && name === `${splitDigest(record.id).hex}.json`) this.#records.set(record.id, record);
      else this.#damaged.push(join(this.#folder, name));
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
    writeFileAtomic(this.#path(record.id), recordText(written), this.#temporaryFolder);
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

  /** Takes the record away for good; what becomes of its file until its garbage is gone is `grave`. */
  delete(id: Digest, grave: string): void {
    renameSync(this.#path(id), grave);
    syncFolder(this.#folder);
    syncFolder(this.#temporaryFolder);
    this.#records.delete(id);
  }

  #path(id: Digest): string {
    return join(this.#folder, `${splitDigest(id).hex}.json`);
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

export function summaryOf(record: ImageRecord): ImageSummary {
  return {
    id: record.id,
    repoTags: Object.keys(record.tags)
      .map((tag) => familiar(parseReference(tag)))
      .sort(),
    repoDigests: record.repoDigests.map((name) => familiar(parseReference(name))).sort(),
    created: record.created,
    sizeBytes: record.layers.reduce((sum, { tarBytes }) => sum + tarBytes, 0),
    architecture: record.architecture,
    os: record.os,
    ...(record.variant === "" ? {} : { variant: record.variant }),
  };
}

/** The summary with only those names that a filter of references asks for, as Docker's `images NAME` shows them. */
export function summaryOfMatching(record: ImageRecord, patterns: readonly string[]): ImageSummary {
  const matches = (name: string): boolean => matchesReference(parseReference(name), patterns);
  return summaryOf({
    ...record,
    tags: Object.fromEntries(Object.entries(record.tags).filter(([tag]) => matches(tag))),
    repoDigests: record.repoDigests.filter(matches),
  });
}

/** Docker's FamiliarMatch: a pattern is of the whole reference or of its name. */
function matchesReference(reference: Reference, patterns: readonly string[]): boolean {
  return patterns.some(
    (pattern) => globMatches(pattern, familiar(reference)) || globMatches(pattern, familiarName(reference)),
  );
}

export function detailsOf(record: ImageRecord): ImageDetails {
  return {
    ...summaryOf(record),
    manifestDigest: record.manifest.digest,
    config: record.config,
    layers: record.layers.map(({ digest, diffId, sizeBytes }) => ({ digest, diffId, sizeBytes })),
    author: record.author,
  };
}

/** Docker's filters of `image ls`; values of one key are alternatives, keys must all hold. */
export function matchesFilters(
  record: ImageRecord,
  filters: Record<string, string[]>,
  createdOf: (reference: string) => number,
): boolean {
  const names = Object.keys(record.tags).map(parseReference);
  return Object.entries(filters).every(([key, values]) =>
    values.some((value) => {
      switch (key) {
        case "reference":
          return [...names, ...record.repoDigests.map(parseReference)].some((name) =>
            matchesReference(name, [value]),
          );
        case "dangling":
          return (names.length === 0) === isTrue(value);
        case "label":
          return matchesLabel(record, value);
        case "before":
          return Date.parse(record.created) < createdOf(value);
        case "since":
          return Date.parse(record.created) > createdOf(value);
        default:
          return false;
      }
    }),
  );
}

/** `KEY` or `KEY=VALUE` */
export function matchesLabel({ config: { labels } }: ImageRecord, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  if (equals < 0) return labels[wanted] !== undefined;
  return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
}

/** Docker's reading of a yes or no. @throws INVALID_ARGUMENT */
export function isTrue(value: string): boolean {
  if (/^(true|1)$/i.test(value)) return true;
  if (/^(false|0)$/i.test(value)) return false;
  throw new MockerError("INVALID_ARGUMENT", `invalid filter 'dangling=[${value}]'`, {
    hint: "Give true or false.",
  });
}

export const filterKeys = ["reference", "dangling", "label", "before", "since"];

/** Go's path.Match, as Docker uses it: `*` and `?` stop at slashes. */
export function globMatches(pattern: string, text: string): boolean {
  const source = pattern.replace(
    /\\(.)|(\*)|(\?)|(\[\^?[^\]]+\])|([.+^${}()|[\]\\])/g,
    (whole, escaped, star, question, set) =>
      escaped !== undefined
        ? escaped.replace(/[.+^${}()|[\]\\*?]/, "\\$&")
        : star
          ? "[^/]*"
          : question
            ? "[^/]"
            : set
              ? whole
              : `\\${whole}`,
  );
  try {
    return new RegExp(`^${source}$`).test(text);
  } catch {
    return false;
  }
}

const maximumAttestations = 64;

/** The record with attestations that have come; of very many, the oldest are let go of. */
export function withAttestations(record: ImageRecord, brought: readonly AttestationRecord[]): ImageRecord {
  if (brought.length === 0) return record;
  const known = (record.attestations ?? []).filter(({ digest }) =>
    brought.every((one) => one.digest !== digest),
  );
  return { ...record, attestations: [...known, ...brought].slice(-maximumAttestations) };
}

/** The blobs of an image, in the order of a reader's wants; without a size where the record does not tell it. */
export function blobsOf(record: ImageRecord): { digest: Digest; size: number | undefined }[] {
  return [
    { digest: record.manifest.digest, size: record.manifest.size },
    { digest: record.id, size: undefined },
    ...record.layers.map(({ digest, sizeBytes }) => ({ digest, size: sizeBytes })),
  ];
}
