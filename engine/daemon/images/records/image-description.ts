import type { Digest } from "../../../docker/digest.ts";
import { readLayerTotals } from "../layers/layer-index.ts";
import type { Descriptor, ImageConfig, ImageManifest } from "../oci/manifest.ts";
import { normalize } from "../oci/platform.ts";
import type { ContentStore } from "../store/content-store.ts";
import type { ImageRecord, LayerRecord } from "./image-records.ts";

/**
 * The record of an image whose layers are in the store, without its names. The second parameter is its
 * manifest, as stored.
 */
export function describeImage(
  store: ContentStore,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
  { mediaType, config: { digest: id }, layers }: ImageManifest,
  config: ImageConfig,
): Omit<ImageRecord, "tags" | "repoDigests"> {
  const { os, architecture, variant } = normalize(config);
  return {
    version: 2,
    id,
    manifest: { digest, mediaType, size },
    layers: layers.map((layer, i) => {
      const diffId = config.diffIds[i] ?? "";
      return { digest: layer.digest, diffId, sizeBytes: layer.size, ...totals(store, diffId) };
    }),
    created: config.created,
    author: config.author,
    os,
    architecture,
    variant,
    config: config.run,
  };
}

/** 0 for a layer that is not converted. */
function totals(store: ContentStore, diffId: Digest): Pick<LayerRecord, "tarBytes" | "contentBytes"> {
  const found = store.hasLayer(diffId) ? readLayerTotals(store.layerPaths(diffId).index) : null;
  const { tarBytes = 0, contentBytes } = found ?? {};
  return { tarBytes, ...(contentBytes === undefined ? {} : { contentBytes }) };
}
