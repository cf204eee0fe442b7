import type { Digest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { type Descriptor, type Manifest, mediaTypes, parseManifest } from "../oci/manifest.ts";
import type { ContentStore } from "../store/content-store.ts";

/** A manifest or an index, byte for byte. */
export interface Document {
  digest: Digest;
  mediaType: string;
  bytes: Buffer;
}

/** A manifest that the store has, with all that it refers to. */
export interface StoredManifest {
  document: Document;
  config: Descriptor;
  layers: Descriptor[];
}

/**
 * A manifest or index of the store; undefined when the blob is missing or is neither: an index may list any
 * blob as a manifest.
 */
export function readManifest(store: ContentStore, digest: Digest, mediaType: string): Manifest | undefined {
  try {
    return parseManifest(store.readBlob(digest), mediaType, digest);
  } catch (error) {
    if (error instanceof MockerError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A manifest of the store; undefined if it is none or a part of it is missing. */
export function storedManifest(
  store: ContentStore,
  digest: Digest,
  mediaType: string,
): StoredManifest | undefined {
  const manifest = readManifest(store, digest, mediaType);
  if (manifest?.kind !== "manifest") return undefined;
  const { config, layers } = manifest;
  if (![config, ...layers].every((blob) => store.hasBlob(blob))) return undefined;
  const type = manifest.mediaType || mediaTypes.ociManifest;
  return { document: { digest, mediaType: type, bytes: store.readBlob(digest) }, config, layers };
}

/**
 * An index of the store, its children with as much as the store has of them; undefined if it is no index, or
 * not there.
 */
export function storedIndex(
  store: ContentStore,
  digest: Digest,
): { document: Document; children: { child: Descriptor; stored: StoredManifest | undefined }[] } | undefined {
  const index = readManifest(store, digest, "");
  if (index?.kind !== "index") return undefined;
  return {
    document: { digest, mediaType: index.mediaType || mediaTypes.ociIndex, bytes: store.readBlob(digest) },
    children: index.manifests.map((child) => ({
      child,
      stored: storedManifest(store, child.digest, child.mediaType),
    })),
  };
}

/** An index with all that it lists, if the store has all of it. */
export function completeIndex(
  store: ContentStore,
  digest: Digest,
): { document: Document; children: StoredManifest[] } | undefined {
  const index = storedIndex(store, digest);
  if (index === undefined || index.children.length === 0) return undefined;
  const children = index.children.flatMap(({ stored }) => (stored ? [stored] : []));
  return children.length === index.children.length ? { document: index.document, children } : undefined;
}
