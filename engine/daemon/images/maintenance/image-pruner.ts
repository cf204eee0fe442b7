import { type Filters, parseFilterBoolean, pruneCondition } from "../../../docker/filters.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { ImagePruneResult } from "../../../protocol/image.ts";
import type { ImageCatalog } from "../records/image-catalog.ts";
import type { ImageRecord } from "../records/image-records.ts";
import type { Garbage } from "../store/garbage.ts";
import type { ImageRemover, ImageUser } from "./image-remover.ts";

export interface PruneOptions {
  /** Also images with names. */
  all: boolean;
  /** Docker's: until, label, label!, dangling. */
  filters: Filters;
  inUse: (imageId: string) => ImageUser[];
  /** Milliseconds since the epoch of an `until`. */
  parseTime: (text: string) => number;
}

/** Removes the images that no VM uses, and what unfinished pulls have left. */
export class ImagePruner {
  readonly #catalog: ImageCatalog;
  readonly #remover: ImageRemover;
  readonly #garbage: Garbage;

  constructor(catalog: ImageCatalog, remover: ImageRemover, garbage: Garbage) {
    this.#catalog = catalog;
    this.#remover = remover;
    this.#garbage = garbage;
  }

  async prune(options: PruneOptions): Promise<ImagePruneResult> {
    const wanted = condition(options);
    const result: ImagePruneResult = { untagged: [], deleted: [], reclaimedBytes: 0 };
    for (const { id } of this.#catalog.records.all()) {
      // Looked up again: during the last removal the image may have got a name or a user, or lost its last
      // one.
      const record = this.#catalog.records.get(id);
      if (!record || !wanted(record) || options.inUse(id).length > 0) continue;
      if (Object.keys(record.tags).some((tag) => this.#catalog.awaited.has(tag))) continue;
      const { untagged, deleted, bytes } = await this.#remover.remove(id, { force: true, measure: true });
      result.untagged.push(...untagged);
      result.deleted.push(...deleted);
      result.reclaimedBytes += bytes;
    }
    if (Object.keys(options.filters).length === 0) {
      result.reclaimedBytes += (await this.#garbage.sweep(() => true, { measure: true })).bytes;
      result.reclaimedBytes += await this.#garbage.sweepPartials();
    }
    return result;
  }
}

const filterKeys = ["until", "label", "label!", "dangling"];

function condition({ all, filters, parseTime }: PruneOptions): (record: ImageRecord) => boolean {
  const unknown = Object.keys(filters).find((key) => !filterKeys.includes(key));
  if (unknown !== undefined)
    throw new MockerError("INVALID_ARGUMENT", `invalid filter '${unknown}'`, {
      hint: `Filters are: ${filterKeys.join(", ")}.`,
    });
  const matches = pruneCondition(filters, parseTime);
  const onlyDangling =
    filters.dangling === undefined
      ? !all
      : filters.dangling.every((value) => parseFilterBoolean("dangling", value));
  return ({ config: { labels }, created, tags }) =>
    matches({ labels, created }) && !(onlyDangling && Object.keys(tags).length > 0);
}
