import type { Digest } from "../../../docker/digest.ts";
import type { ImageHistoryEntry } from "../../../protocol/image.ts";
import type { ContentStore } from "../store/content-store.ts";
import { type ImageRecord, type LayerRecord, shownBytes } from "./image-records.ts";

/** One step of an image's configuration (image-spec config.md, "history"). */
interface Step {
  created?: unknown;
  created_by?: unknown;
  comment?: unknown;
  empty_layer?: unknown;
}

const missing = "<missing>";

/**
 * The steps that made an image, the newest first, with the layers that they made. `config`: the image's
 * configuration.
 */
export function historyOf(record: ImageRecord, config: Buffer): ImageHistoryEntry[] {
  const { history } = JSON.parse(config.toString("utf8")) as { history?: unknown };
  const steps = Array.isArray(history) ? history : [];
  let layer = 0;
  const entries = steps.map((item: unknown): ImageHistoryEntry => {
    const { created, created_by, comment, empty_layer } = (item ?? {}) as Step;
    return {
      id: missing,
      created: text(created),
      createdBy: text(created_by),
      sizeBytes: empty_layer === true ? 0 : sizeOf(record.layers[layer++]),
      comment: text(comment),
    };
  });
  const newest = entries.reverse();
  // Only the image itself has an ID: its steps are no images.
  if (newest[0]) newest[0].id = record.id;
  return newest;
}

/** The comment in an image's configuration: its own, else its newest step's; "" for none. */
export function commentOf(store: ContentStore, id: Digest): string {
  try {
    const config = JSON.parse(store.readBlob(id).toString("utf8")) as { comment?: unknown; history?: Step[] };
    return text(config.comment) || text(config.history?.at(-1)?.comment);
  } catch {
    // A damaged store has its own check; an image is inspected all the same.
    return "";
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function sizeOf(layer: LayerRecord | undefined): number {
  return layer === undefined ? 0 : shownBytes(layer);
}
