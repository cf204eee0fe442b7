import { verifyDigest } from "../../../docker/digest.ts";
import { canonical, familiar, parseReference } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { ManifestDocument, ManifestInspectResult } from "../../../protocol/registry.ts";
import { readSmallBlob } from "../oci/blob-source.ts";
import { type Descriptor, parseManifest } from "../oci/manifest.ts";
import { type FetchedManifest, openRegistry, type RegistryAccess, type RegistryOptions } from "./registry.ts";

/** A manifest as its registry has it, and with `verbose` all that an index lists. Nothing is stored. */
export async function inspectManifest(
  params: { reference: string; insecure?: boolean; verbose?: boolean } & RegistryAccess,
  options: RegistryOptions,
  signal: AbortSignal,
): Promise<ManifestInspectResult> {
  const reference = parseReference(params.reference);
  const name = canonical(reference);
  const insecure = params.insecure ? { insecureRegistries: [reference.domain] } : {};
  const client = openRegistry({ ...options, ...insecure }, params);
  try {
    const shown = familiar(reference);
    const wanted = reference.digest ?? reference.tag ?? "latest";
    const fetchedTop = await client.manifest(reference, wanted, signal).catch((error: unknown) => {
      if (error instanceof MockerError && error.code === "IMAGE_NOT_FOUND")
        throw new MockerError("IMAGE_NOT_FOUND", `no such manifest: ${params.reference}`, {
          hint: error.hint,
          cause: error,
        });
      throw error;
    });
    const parsed = parseManifest(fetchedTop.bytes, fetchedTop.contentType, shown);
    const top = documentOf(name, fetchedTop, parsed.mediaType);
    if (!params.verbose) return { top, manifests: [] };
    if (parsed.kind === "manifest") {
      const bytes = await readSmallBlob(client.blobs(reference), parsed.config, shown, signal);
      verifyDigest(bytes, parsed.config.digest, shown);
      return { top: { ...top, ...platformOf(parse(bytes)) }, manifests: [] };
    }
    const manifests: ManifestDocument[] = [];
    for (const child of parsed.manifests) {
      const fetched = { ...(await client.manifest(reference, child.digest, signal)), digest: child.digest };
      manifests.push({
        ...documentOf(`${name}@${child.digest}`, fetched, mediaTypeOf(fetched, child)),
        ...platformOf(child.platform),
      });
    }
    return { top, manifests };
  } finally {
    client.close();
  }
}

function mediaTypeOf({ contentType }: FetchedManifest, { mediaType }: Descriptor): string {
  return mediaType || (contentType.split(";")[0] ?? "");
}

function documentOf(
  reference: string,
  { bytes, digest }: FetchedManifest,
  mediaType: string,
): ManifestDocument {
  return { reference, digest, mediaType, text: bytes.toString("utf8") };
}

function parse(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    return JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function platformOf(value: unknown): Pick<ManifestDocument, "platform"> {
  const { architecture, os, variant } = (value ?? {}) as Record<string, unknown>;
  if (typeof architecture !== "string" || typeof os !== "string") return {};
  return {
    platform: { architecture, os, ...(typeof variant === "string" && variant !== "" ? { variant } : {}) },
  };
}
