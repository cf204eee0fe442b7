import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { syncFolder, writeFileAtomic } from "../atomic-file.ts";
import type { ImageDetails, ImageRunConfig, ImageSummary } from "../protocol/image.ts";
import { chainId, type Digest, isDigest, splitDigest } from "./digest.ts";
import { familiar, familiarName, parseReference } from "./reference.ts";

/** What records/HEX.json holds: the one truth about which images there are. */
export interface ImageRecord {
  version: 1;
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
}

/** The records in a folder, with a copy in memory; the folder has one writer. */
export class ImageRecords {
  readonly #folder: string;
  readonly #temporaryFolder: string;
  readonly #records = new Map<Digest, ImageRecord>();
  /** Files that are no records. While there are any, nothing can be called garbage. */
  readonly damaged: string[] = [];

  constructor(folder: string, temporaryFolder: string) {
    this.#folder = folder;
    this.#temporaryFolder = temporaryFolder;
    for (const name of readdirSync(folder)) {
      if (!name.endsWith(".json")) continue;
      const record = parse(readFileSync(join(folder, name), "utf8"));
      if (record && name === `${splitDigest(record.id).hex}.json`) this.#records.set(record.id, record);
      else this.damaged.push(join(folder, name));
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
    writeFileAtomic(this.#path(record.id), `${JSON.stringify(record)}\n`, this.#temporaryFolder);
    this.#records.set(record.id, record);
  }

  delete(id: Digest): void {
    rmSync(this.#path(id), { force: true });
    syncFolder(this.#folder);
    this.#records.delete(id);
  }

  #path(id: Digest): string {
    return join(this.#folder, `${splitDigest(id).hex}.json`);
  }
}

function parse(text: string): ImageRecord | undefined {
  try {
    const record = JSON.parse(text) as Partial<ImageRecord>;
    return record.version === 1 &&
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
          return names.some(
            (name) => globMatches(value, familiar(name)) || globMatches(value, familiarName(name)),
          );
        case "dangling":
          return (names.length === 0) === /^(true|1)$/i.test(value);
        case "label": {
          const equals = value.indexOf("=");
          if (equals < 0) return record.config.labels[value] !== undefined;
          return record.config.labels[value.slice(0, equals)] === value.slice(equals + 1);
        }
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
