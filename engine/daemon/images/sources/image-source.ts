import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import type { Digest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { BlobSource } from "../layers/layer-store.ts";
import {
  type Descriptor,
  invalidImage,
  type Manifest,
  maximumManifestBytes,
  parseManifest,
} from "../manifest.ts";
import { formatPlatform, match, type Platform } from "../platform.ts";

/** An image somewhere outside of the store, ready to be brought in. */
export interface ImageSource {
  /** What the user calls it, for messages. */
  name: string;
  blobs: BlobSource;
  /** The manifest or index to begin with. */
  top: { bytes: Buffer; contentType: string; digest: Digest };
  /** A manifest that an index refers to. */
  manifest(digest: Digest, signal: AbortSignal): Promise<{ bytes: Buffer; contentType: string }>;
  /** Canonical references (`docker.io/library/alpine:latest`) that the image gets. */
  tags: string[];
  /** Layers on their way at once, if the source has a limit of its own. */
  concurrency?: number;
  /** `docker.io/library/alpine`, for the digest that a registry knows the image by; undefined for local sources. */
  repository: string | undefined;
}

const maximumNesting = 3;
const maximumAttestations = 16;

export interface ResolvedManifest {
  /** What the index that listed it lists about it. */
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

/** Of an index's manifests those that are BuildKit's attestations of the manifest `image`. */
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

/** Blobs that are files; `path` tells where. */
export function fileBlobs(path: (digest: Digest) => string): BlobSource {
  return {
    resumable: false,
    open: async ({ digest }, offset) => {
      // Whoever opens a pipe waits for ever.
      if ((await stat(path(digest)).catch(() => undefined))?.isFile() === false)
        throw new MockerError("IMAGE_INVALID", `the blob ${digest} is no file`);
      return {
        start: offset,
        stream: createReadStream(path(digest), { start: offset, highWaterMark: 256 * 1024 }),
      };
    },
  };
}

/** Blobs that are in memory. */
export function memoryBlobs(blobs: ReadonlyMap<Digest, Buffer>): BlobSource {
  return {
    resumable: false,
    open: async ({ digest }, offset) => {
      const bytes = blobs.get(digest);
      if (!bytes) throw new Error(`no blob ${digest}`);
      return { start: offset, stream: Readable.from([bytes.subarray(offset)]) };
    },
  };
}

/** A small blob as a whole, not verified. @throws IMAGE_INVALID for one of more than `limit` bytes */
export async function readSmall(
  source: ImageSource,
  descriptor: Parameters<BlobSource["open"]>[0],
  signal: AbortSignal,
  limit = maximumManifestBytes,
): Promise<Buffer> {
  if (descriptor.size > limit)
    throw invalidImage(
      source.name,
      `its configuration has ${descriptor.size} bytes; at most ${limit} are allowed`,
    );
  for (let attempt = 0; ; attempt++) {
    const { stream } = await source.blobs.open(descriptor, 0, signal, () => {});
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      for await (const chunk of stream) {
        length += (chunk as Buffer).length;
        if (length > descriptor.size) break;
        chunks.push(chunk as Buffer);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!source.blobs.resumable)
        throw invalidImage(source.name, `${descriptor.digest} cannot be read: ${(error as Error).message}`);
      if (attempt >= 3)
        throw new MockerError(
          "REGISTRY_UNREACHABLE",
          `${source.name}: the connection was cut again and again`,
          { cause: error },
        );
      continue;
    } finally {
      stream.destroy();
    }
    if (length === descriptor.size) return Buffer.concat(chunks);
    throw invalidImage(source.name, `${descriptor.digest} has ${length} bytes instead of ${descriptor.size}`);
  }
}
