import { canonical, canonicalName, familiar, type Reference } from "../../../docker/reference.ts";
import type { RegistryClient } from "../registry/registry.ts";
import type { ImageSource } from "./image-source.ts";

/** An image in a registry; asks it for the manifest. */
export async function registrySource(
  client: RegistryClient,
  reference: Reference,
  signal: AbortSignal,
  onRetry: (message: string) => void,
): Promise<ImageSource> {
  const wanted = reference.digest ?? reference.tag ?? "latest";
  const top = await client.manifest(reference, wanted, signal, onRetry);
  return {
    name: familiar(reference),
    top,
    concurrency: client.settings.maxConcurrentDownloads,
    manifest: (digest, signal) => client.manifest(reference, digest, signal, onRetry),
    blobs: client.blobs(reference),
    // As for Docker, a reference with a digest gives the image no tag.
    tags: reference.digest === undefined ? [canonical(reference)] : [],
    repository: canonicalName(reference),
  };
}
