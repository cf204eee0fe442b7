import type { Digest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { BlobSource } from "../oci/blob-source.ts";
import {
  type Descriptor,
  invalidImage,
  type Manifest,
  maximumManifestBytes,
  parseManifest,
} from "../oci/manifest.ts";
import { formatPlatform, match, type Platform } from "../oci/platform.ts";

/** An image somewhere outside of the store, ready to be ingested. */
export interface ImageSource {
  /** The name that the user gave it, for messages. */
  name: string;
  blobs: BlobSource;
  /** The manifest or index to begin with. */
  top: { bytes: Buffer; contentType: string; digest: Digest };
  /** A manifest that an index refers to. */
  manifest(digest: Digest, signal: AbortSignal): Promise<{ bytes: Buffer; contentType: string }>;
  /** Canonical references (`docker.io/library/alpine:latest`) that the image gets. */
  tags: string[];
  /** Layers fetched at once, if the source has a limit of its own. */
  concurrency?: number;
  /**
   * `docker.io/library/alpine`, for the digest that a registry knows the image by; undefined for local
   * sources.
   */
  repository: string | undefined;
}

const maximumNesting = 3;
const maximumAttestations = 16;

export interface ResolvedManifest {
  /** Attestations about the manifest in the index that lists it. */
  attestations: Descriptor[];
  bytes: Buffer;
  digest: Digest;
  manifest: Manifest & { kind: "manifest" };
}

/** Goes from an index to the manifest for `platform`. Throws NO_MATCHING_PLATFORM. */
export async function resolveManifest(
  source: ImageSource,
  platform: Platform,
  signal: AbortSignal,
): Promise<ResolvedManifest> {
  let { bytes, contentType, digest } = source.top;
  let attestations: Descriptor[] = [];
  for (let depth = 0; depth <= maximumNesting; depth++) {
    const manifest = parseManifest(bytes, contentType, source.name);
    if (manifest.kind === "manifest") return { bytes, digest, manifest, attestations };
    let best = 0;
    let chosen: (typeof manifest.manifests)[number] | undefined;
    const offered: string[] = [];
    for (const candidate of manifest.manifests) {
      // Attestations of BuildKit are no images.
      if (candidate.annotations["vnd.docker.reference.type"] !== undefined) continue;
      const rank = candidate.platform === undefined ? 1 : match(platform, candidate.platform);
      if (candidate.platform) offered.push(formatPlatform(candidate.platform));
      if (rank > best) {
        best = rank;
        chosen = candidate;
      }
    }
    if (!chosen)
      throw new MockerError(
        "NO_MATCHING_PLATFORM",
        `${source.name}: no matching manifest for ${formatPlatform(platform)} in the manifest list entries`,
        {
          hint:
            offered.length === 0
              ? "The index lists no image."
              : `It is there for ${offered.slice(0, 20).join(", ")}.`,
          details: { offered },
        },
      );
    if (chosen.size > maximumManifestBytes)
      throw invalidImage(source.name, `a manifest of ${chosen.size} bytes`);
    digest = chosen.digest;
    attestations = attestationsOf(manifest.manifests, digest);
    const next = await source.manifest(digest, signal);
    bytes = next.bytes;
    contentType = next.contentType === "" ? chosen.mediaType : next.contentType;
  }
  throw invalidImage(source.name, `indexes are nested more than ${maximumNesting} deep`);
}

/** BuildKit's attestations of the manifest `image`, from an index's manifests. */
function attestationsOf(manifests: readonly Descriptor[], image: Digest): Descriptor[] {
  return manifests
    .filter(
      ({ annotations, size }) =>
        annotations["vnd.docker.reference.type"] === "attestation-manifest" &&
        annotations["vnd.docker.reference.digest"] === image &&
        size <= maximumManifestBytes,
    )
    .slice(0, maximumAttestations);
}
