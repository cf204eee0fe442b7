/**
 * BuildKit's attestations (provenance, SBOMs): manifests that an index lists beside the image that they are
 * about. They are kept so that an image is pushed and saved as it was pulled, and are never more than blobs
 * here (https://docs.docker.com/build/metadata/attestations/attestation-storage/).
 */

import { type Digest, verifyDigest } from "../../../docker/digest.ts";
import { readSmallBlob } from "../oci/blob-source.ts";
import { type Descriptor, parseManifest } from "../oci/manifest.ts";
import type { AttestationRecord } from "../records/image-records.ts";
import type { ImageSource } from "../sources/image-source.ts";
import type { ContentStore } from "../store/content-store.ts";

const maximumBlobs = 64;
/** An SBOM of a large image has a few MiB. */
const maximumBlobBytes = 16 * 2 ** 20;
const maximumTotalBytes = 64 * 2 ** 20;

/** Whether the store has all that `records` name of `wanted`. */
export function hasAttestations(
  store: ContentStore,
  records: readonly AttestationRecord[],
  wanted: readonly Descriptor[],
): boolean {
  return wanted.every(({ digest }) => {
    const record = records.find((known) => known.digest === digest);
    return record !== undefined && [record, ...record.blobs].every((blob) => store.hasBlob(blob));
  });
}

/**
 * Ingests attestations as far as they can be had: one that is missing, damaged or too large is no reason to
 * do without the image. `pin` is told of each blob before it is written. Throws only when the signal aborts
 * or the disk is full.
 */
export async function ingestAttestations(
  source: ImageSource,
  wanted: readonly Descriptor[],
  store: ContentStore,
  pin: (digest: Digest) => void,
  signal: AbortSignal,
): Promise<AttestationRecord[]> {
  const ingested: AttestationRecord[] = [];
  for (const descriptor of wanted) {
    try {
      ingested.push(await ingestOne(source, descriptor, store, pin, signal));
    } catch (error) {
      signal.throwIfAborted();
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOSPC" || code === "EDQUOT") throw error;
    }
  }
  return ingested;
}

async function ingestOne(
  source: ImageSource,
  { digest, size, mediaType }: Descriptor,
  store: ContentStore,
  pin: (digest: Digest) => void,
  signal: AbortSignal,
): Promise<AttestationRecord> {
  pin(digest);
  const bytes = store.hasBlob({ digest, size })
    ? store.readBlob(digest)
    : (await source.manifest(digest, signal)).bytes;
  verifyDigest(bytes, digest, source.name);
  const manifest = parseManifest(bytes, mediaType, source.name);
  if (manifest.kind !== "manifest") throw new RangeError("an attestation that is an index");
  const blobs = [
    ...new Map([manifest.config, ...manifest.layers].map((blob) => [blob.digest, blob])).values(),
  ];
  const total = blobs.reduce((sum, blob) => sum + blob.size, 0);
  if (blobs.length > maximumBlobs || total > maximumTotalBytes)
    throw new RangeError("an attestation that is too large");
  for (const blob of blobs) {
    pin(blob.digest);
    if (store.hasBlob(blob)) continue;
    const contents = await readSmallBlob(source.blobs, blob, source.name, signal, maximumBlobBytes);
    verifyDigest(contents, blob.digest, source.name);
    store.writeBlob(contents, blob.digest);
  }
  store.writeBlob(bytes, digest);
  return {
    digest,
    size: bytes.length,
    blobs: blobs.map((blob) => ({ digest: blob.digest, size: blob.size })),
  };
}
