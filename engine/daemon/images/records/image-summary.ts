import { familiar, parseReference } from "../../../docker/reference.ts";
import type { ImageDetails, ImageSummary } from "../../../protocol/image.ts";
import { type ImageRecord, shownBytes } from "./image-records.ts";

/** A record as lists of images show it. */
export function summaryOf(record: ImageRecord): ImageSummary {
  return {
    id: record.id,
    repoTags: Object.keys(record.tags)
      .map((tag) => familiar(parseReference(tag)))
      .sort(),
    repoDigests: record.repoDigests.map((name) => familiar(parseReference(name))).sort(),
    created: record.created,
    sizeBytes: record.layers.reduce((sum, layer) => sum + shownBytes(layer), 0),
    architecture: record.architecture,
    os: record.os,
    ...(record.variant === "" ? {} : { variant: record.variant }),
    labels: record.config.labels,
  };
}

/** A record as `image inspect` shows it. */
export function detailsOf(record: ImageRecord): ImageDetails {
  return {
    ...summaryOf(record),
    manifestDigest: record.manifest.digest,
    config: record.config,
    layers: record.layers.map(({ digest, diffId, sizeBytes }) => ({ digest, diffId, sizeBytes })),
    author: record.author,
  };
}
