import { existsSync, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Digest, splitDigest, verifyDigest } from "../../../docker/digest.ts";
import { canonical, parseReference, tryParseReference } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { fileBlobs } from "../oci/blob-source.ts";
import { type Descriptor, maximumManifestBytes, mediaTypes, parseManifest } from "../oci/manifest.ts";
import { Archive } from "./archive.ts";
import type { ImageSource } from "./image-source.ts";

const refName = "org.opencontainers.image.ref.name";

/** `oci:DIR[:NAME]`: an image in an OCI image layout, as skopeo, umoci and buildah write it. */
export async function ociLayoutSource(text: string): Promise<ImageSource> {
  const { path, name } = splitPath(
    text,
    (candidate) => statSync(candidate, { throwIfNoEntry: false })?.isDirectory() ?? false,
  );
  if (!existsSync(join(path, "index.json")))
    throw new MockerError("INVALID_ARGUMENT", `${path} is no OCI image layout: it has no index.json`, {
      hint: "Give the directory that has the file oci-layout in it.",
    });
  const blobPath = (digest: Digest): string => {
    const { algorithm, hex } = splitDigest(digest);
    return join(path, "blobs", algorithm, hex);
  };
  const read = async (file: string, name: string): Promise<Buffer> => {
    const found = await stat(file).catch(() => {
      throw new MockerError("IMAGE_INVALID", `${path}: ${name} is missing`);
    });
    // open(2) on a FIFO blocks until a writer appears.
    if (!found.isFile()) throw new MockerError("IMAGE_INVALID", `${path}: ${name} is no file`);
    if (found.size > maximumManifestBytes)
      throw new MockerError(
        "IMAGE_INVALID",
        `${path}: ${name} has ${found.size} bytes; at most ${maximumManifestBytes} are allowed`,
      );
    return await readFile(file);
  };
  return await fromLayout(
    path,
    name,
    await read(join(path, "index.json"), "index.json"),
    (digest) => read(blobPath(digest), `the blob ${digest}`),
    fileBlobs(blobPath),
  );
}

/** `oci-archive:FILE[:NAME]`: an image in an OCI image layout in a tar archive. */
export async function ociArchiveSource(
  text: string,
  temporaryDirectory: string,
  signal: AbortSignal,
): Promise<{ source: ImageSource; close(): Promise<void> }> {
  const { path, name } = splitPath(
    text,
    (candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile() ?? false,
  );
  const archive = await Archive.open(path, temporaryDirectory, signal);
  try {
    const { readBlob, blobs } = membersOf(archive);
    const index = await archive.read("index.json", maximumManifestBytes);
    const source = await fromLayout(path, name, index, readBlob, blobs);
    return { source, close: () => archive.close() };
  } catch (error) {
    await archive.close();
    throw error;
  }
}

/**
 * All images of an archive that is an OCI layout, one after the other: their manifests may have some MiB
 * each. Entries under one name for several platforms are one image. Its names are those annotations that are
 * references.
 */
export async function* archivedLayout(archive: Archive, path: string): AsyncGenerator<ImageSource> {
  const bytes = await archive.read("index.json", maximumManifestBytes);
  const parsed = parseManifest(bytes, "", path);
  if (parsed.kind !== "index") throw new MockerError("IMAGE_INVALID", `${path}: its index.json is no index`);
  const { readBlob, blobs } = membersOf(archive);
  const groups = new Map<string, Descriptor[]>();
  for (const descriptor of parsed.manifests) {
    // Attestations of BuildKit are no images.
    if (descriptor.annotations["vnd.docker.reference.type"] !== undefined) continue;
    const name = wholeName(descriptor);
    const key = name ?? (descriptor.platform === undefined ? descriptor.digest : "");
    groups.set(key, [...(groups.get(key) ?? []), descriptor]);
  }
  // One image may have several names.
  const images = new Map<Digest, { descriptors: Descriptor[]; tags: string[] }>();
  for (const descriptors of groups.values()) {
    const [first] = descriptors;
    if (!first) continue;
    const image = images.get(first.digest) ?? { descriptors, tags: [] };
    const name = wholeName(first);
    if (name !== undefined) image.tags.push(name);
    images.set(first.digest, image);
  }
  for (const { descriptors, tags } of images.values())
    yield await layoutImage(path, descriptors, readBlob, blobs, tags);
}

/** The image behind descriptors that are one image's for several platforms, or one alone. */
async function layoutImage(
  path: string,
  descriptors: readonly Descriptor[],
  readBlob: (digest: Digest) => Promise<Buffer>,
  blobs: ImageSource["blobs"],
  tags: string[],
): Promise<ImageSource> {
  const [first] = descriptors;
  if (!first) throw new MockerError("IMAGE_NOT_FOUND", `${path} has no image`);
  const manifest = async (digest: Digest) => {
    const bytes = await readBlob(digest);
    verifyDigest(bytes, digest, path);
    return { bytes, contentType: "" };
  };
  const several = descriptors.length > 1;
  const top = several
    ? {
        bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: descriptors })),
        contentType: mediaTypes.ociIndex,
        digest: first.digest,
      }
    : { bytes: (await manifest(first.digest)).bytes, contentType: first.mediaType, digest: first.digest };
  return { name: tags[0] ?? path, blobs, top, manifest, tags, repository: undefined };
}

/** Canonical reference that a descriptor is annotated with, if it is a whole one. */
function wholeName({ annotations }: Descriptor): string | undefined {
  const name = annotations["io.containerd.image.name"] ?? annotations[refName] ?? "";
  if (!/[/:]/.test(name)) return undefined;
  // The specification allows any text there.
  const reference = tryParseReference(name);
  return reference !== undefined && reference.digest === undefined ? canonical(reference) : undefined;
}

function membersOf(archive: Archive): {
  readBlob: (digest: Digest) => Promise<Buffer>;
  blobs: ImageSource["blobs"];
} {
  const member = (digest: Digest): string => {
    const { algorithm, hex } = splitDigest(digest);
    return `blobs/${algorithm}/${hex}`;
  };
  return {
    readBlob: (digest) => archive.read(member(digest), maximumManifestBytes),
    blobs: {
      resumable: false,
      open: async ({ digest }, offset) => ({ start: offset, stream: archive.stream(member(digest), offset) }),
    },
  };
}

/** Paths and names may both have colons: the shortest path that is there wins. */
export function splitPath(
  text: string,
  exists: (path: string) => boolean,
): { path: string; name: string | undefined } {
  if (text === "") throw new MockerError("INVALID_ARGUMENT", "a path is missing after the colon");
  for (let colon = text.indexOf(":"); colon >= 0; colon = text.indexOf(":", colon + 1)) {
    const path = text.slice(0, colon);
    if (path !== "" && exists(path)) return { path, name: text.slice(colon + 1) || undefined };
  }
  if (exists(text)) return { path: text, name: undefined };
  throw new MockerError("INVALID_ARGUMENT", `${text}: no such file or directory`, {
    hint: "Check the path.",
  });
}

async function fromLayout(
  path: string,
  name: string | undefined,
  index: Buffer,
  readBlob: (digest: Digest) => Promise<Buffer>,
  blobs: ImageSource["blobs"],
): Promise<ImageSource> {
  const parsed = parseManifest(index, "", path);
  if (parsed.kind !== "index") throw new MockerError("IMAGE_INVALID", `${path}: its index.json is no index`);
  const named = parsed.manifests.filter(
    ({ annotations }) =>
      name === undefined || annotations[refName] === name || annotations["io.containerd.image.name"] === name,
  );
  const [chosen] = named;
  const names = parsed.manifests
    .map(({ annotations }) => annotations[refName])
    .filter((item) => item !== undefined);
  if (!chosen)
    throw new MockerError(
      "IMAGE_NOT_FOUND",
      name === undefined ? `${path} has no image` : `${path} has no image named "${name}"`,
      {
        hint:
          names.length > 0
            ? `It has: ${names.slice(0, 20).join(", ")}.`
            : "None of its images has a name; leave the name out.",
      },
    );
  // Several without a name are one image for several platforms, or one that nobody chose.
  if (named.length > 1 && name === undefined && named.some(({ platform }) => platform === undefined))
    throw new MockerError("INVALID_ARGUMENT", `${path} has ${named.length} images`, {
      hint: `Add a colon and one of: ${names.slice(0, 20).join(", ")}.`,
    });
  const manifest = async (digest: Digest) => {
    const bytes = await readBlob(digest);
    verifyDigest(bytes, digest, path);
    return { bytes, contentType: "" };
  };
  const top =
    named.length > 1 && name === undefined
      ? { bytes: index, contentType: "", digest: chosen.digest }
      : {
          bytes: (await manifest(chosen.digest)).bytes,
          contentType: chosen.mediaType,
          digest: chosen.digest,
        };
  return { name: path, blobs, top, manifest, tags: [tagFor(path, chosen)], repository: undefined };
}

/**
 * The reference that an image of a layout gets: its own if it has a whole one, else the directory's name and
 * its tag.
 */
function tagFor(path: string, descriptor: Descriptor): string {
  const { annotations } = descriptor;
  const whole = wholeName(descriptor);
  if (whole !== undefined) return whole;
  const repository =
    basename(path)
      .replace(/\.(tar|tgz|tar\.gz)$/i, "")
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "") || "imported";
  const tag =
    (annotations[refName] ?? "latest")
      .replace(/[^A-Za-z0-9_.-]/g, "-")
      .replace(/^[.-]+/, "")
      .slice(0, 128) || "latest";
  return canonical(parseReference(`${repository}:${tag}`));
}
