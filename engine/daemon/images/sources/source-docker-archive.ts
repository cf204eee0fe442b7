import { statSync } from "node:fs";
import { compressionOf, magicBytes } from "../../../common/compression.ts";
import { type Digest, digestOf, hasherFor } from "../../../docker/digest.ts";
import { canonical, parseReference } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { maximumManifestBytes, mediaTypes, parseConfig } from "../oci/manifest.ts";
import { Archive } from "./archive.ts";
import type { ImageSource } from "./image-source.ts";
import { splitPath } from "./source-oci.ts";

interface ArchivedImage {
  Config: string;
  RepoTags: string[];
  Layers: string[];
}

/**
 * `docker-archive:FILE[:REF]`: what `docker save` and `podman save` write. Its layers are mostly plain tars;
 * the images get OCI manifests made here.
 */
export async function dockerArchiveSources(
  text: string,
  temporaryDirectory: string,
  signal: AbortSignal,
): Promise<{ sources: ImageSource[]; close(): Promise<void> }> {
  const { path, name } = splitPath(
    text,
    (candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile() ?? false,
  );
  const archive = await Archive.open(path, temporaryDirectory, signal);
  try {
    if (!archive.has("manifest.json"))
      throw new MockerError(
        "IMAGE_INVALID",
        `${path} is no archive of docker save: it has no manifest.json`,
        {
          hint: archive.has("oci-layout")
            ? `It is an OCI archive: use oci-archive:${path}.`
            : "Check the file.",
        },
      );
    const images = parseList(await archive.read("manifest.json", maximumManifestBytes), path);
    const sources = await sourcesOf(archive, path, images, name, signal);
    if (sources.length === 0)
      throw new MockerError(
        "IMAGE_NOT_FOUND",
        name === undefined ? `${path} has no image` : `${path} has no image "${name}"`,
        {
          hint: `It has: ${
            images
              .flatMap(({ RepoTags }) => RepoTags)
              .slice(0, 20)
              .join(", ") || "no names"
          }.`,
        },
      );
    return { sources, close: () => archive.close() };
  } catch (error) {
    await archive.close();
    throw error;
  }
}

/** All images of an archive that has a manifest.json. */
export async function archivedImages(
  archive: Archive,
  path: string,
  signal: AbortSignal,
): Promise<ImageSource[]> {
  const images = parseList(await archive.read("manifest.json", maximumManifestBytes), path);
  return await sourcesOf(archive, path, images, undefined, signal);
}

async function sourcesOf(
  archive: Archive,
  path: string,
  images: readonly ArchivedImage[],
  name: string | undefined,
  signal: AbortSignal,
): Promise<ImageSource[]> {
  const wanted = name === undefined ? undefined : canonical(parseReference(name));
  const sources: ImageSource[] = [];
  for (const image of images) {
    const tags = image.RepoTags.map((tag) => canonical(parseReference(tag)));
    if (wanted !== undefined && !tags.includes(wanted)) continue;
    sources.push(await imageSource(archive, path, image, wanted === undefined ? tags : [wanted], signal));
  }
  return sources;
}

function parseList(bytes: Buffer, path: string): ArchivedImage[] {
  let list: unknown;
  try {
    list = JSON.parse(bytes.toString("utf8"));
  } catch {
    list = undefined;
  }
  const strings = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((item) => typeof item === "string");
  if (!Array.isArray(list)) throw new MockerError("IMAGE_INVALID", `${path}: its manifest.json is not valid`);
  return list.map((item) => {
    const { Config, RepoTags, Layers } = (item ?? {}) as Record<string, unknown>;
    const tags = RepoTags ?? [];
    const layers = Layers ?? [];
    if (typeof Config !== "string" || !strings(tags) || !strings(layers))
      throw new MockerError("IMAGE_INVALID", `${path}: its manifest.json is not valid`);
    return { Config, RepoTags: tags, Layers: layers };
  });
}

async function imageSource(
  archive: Archive,
  path: string,
  image: ArchivedImage,
  tags: string[],
  signal: AbortSignal,
): Promise<ImageSource> {
  const config = await archive.read(image.Config, maximumManifestBytes);
  const { diffIds } = parseConfig(config, path, image.Layers.length);
  const members = new Map<Digest, string>([[digestOf(config), image.Config]]);
  const layers: { mediaType: string; digest: Digest; size: number }[] = [];
  for (const [number, member] of image.Layers.entries()) {
    const { size } = archive.member(member);
    const compression = compressionOf(await archive.head(member, magicBytes));
    let digest = diffIds[number] as Digest;
    if (compression !== "none") {
      // Only its own digest names the compressed form.
      const hash = hasherFor(`sha256:${"0".repeat(64)}`);
      for await (const chunk of archive.stream(member, 0)) {
        signal.throwIfAborted();
        hash.update(chunk as Buffer);
      }
      digest = `sha256:${hash.digest("hex")}`;
    }
    members.set(digest, member);
    const suffix = compression === "none" ? "" : `+${compression}`;
    layers.push({ mediaType: `${mediaTypes.ociLayer}${suffix}`, digest, size });
  }
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.length },
      layers,
    }),
  );
  return {
    name: tags[0] ?? path,
    top: { bytes: manifest, contentType: mediaTypes.ociManifest, digest: digestOf(manifest) },
    manifest: () => Promise.reject(new MockerError("IMAGE_INVALID", `${path}: no further manifests`)),
    blobs: {
      resumable: false,
      open: async ({ digest }, offset) => {
        const member = members.get(digest);
        if (member === undefined)
          throw new MockerError("IMAGE_INVALID", `${path}: the blob ${digest} is missing`);
        return { start: offset, stream: archive.stream(member, offset) };
      },
    },
    tags,
    repository: undefined,
  };
}
