import { lstatSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { type Digest, isDigest } from "../../../docker/digest.ts";
import { maximumManifestBytes, parseConfig, parseManifest } from "../oci/manifest.ts";
import type { ContentStore } from "../store/content-store.ts";
import type { ImageCatalog } from "./image-catalog.ts";
import { describeImage } from "./image-description.ts";
import type { ImageRecord } from "./image-records.ts";

/**
 * Makes a damaged record again from what else the store has: the image's configuration, its manifest, and the
 * names in index.json. The digests by which registries know it are lost. Undefined if that is not enough.
 */
export function rescueRecord(
  store: ContentStore,
  catalog: ImageCatalog,
  path: string,
): ImageRecord | undefined {
  const id = `sha256:${basename(path, ".json")}`;
  if (!isDigest(id)) return undefined;
  try {
    const found = findManifest(store, id);
    if (!found) return undefined;
    const { digest, bytes } = found;
    const manifest = parseManifest(bytes, "", digest);
    if (manifest.kind !== "manifest") return undefined;
    const config = parseConfig(store.readBlob(id), id, manifest.layers.length);
    const names = catalog.lost.filter((entry) => entry.digest === digest);
    return {
      ...describeImage(store, { digest, size: bytes.length }, manifest, config),
      tags: Object.fromEntries(
        names.flatMap(({ canonicalName }) => (canonicalName === undefined ? [] : [[canonicalName, digest]])),
      ),
      repoDigests: [],
    };
  } catch {
    return undefined;
  }
}

/** The manifest of the configuration, sound. */
function findManifest(store: ContentStore, id: Digest): { digest: Digest; bytes: Buffer } | undefined {
  for (const digest of store.blobs()) {
    const path = store.blobPath(digest);
    const stat = lstatSync(path);
    if (!stat.isFile() || stat.size > maximumManifestBytes) continue;
    const text = readFileSync(path);
    if (text[0] !== 0x7b || !text.includes(id)) continue;
    try {
      const manifest = parseManifest(text, "", digest);
      if (manifest.kind === "manifest" && manifest.config.digest === id)
        return { digest, bytes: store.readBlob(digest) };
    } catch {
      // Another document, or a damaged one.
    }
  }
  return undefined;
}
