import { existsSync, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { MockerError } from "../protocol/errors.ts";
import { Archive } from "./archive.ts";
import { type Digest, splitDigest, verifyDigest } from "./digest.ts";
import { fileBlobs, type ImageSource } from "./image-source.ts";
import { type Descriptor, maximumManifestBytes, parseManifest } from "./manifest.ts";
import { canonical, parseReference } from "./reference.ts";

const refName = "org.opencontainers.image.ref.name";

/** `oci:DIR[:NAME]`: an image in an OCI image layout, as skopeo, umoci and buildah write it. */
export async function ociLayoutSource(text: string): Promise<ImageSource> {
  const { path, name } = splitPath(
    text,
    (candidate) => statSync(candidate, { throwIfNoEntry: false })?.isDirectory() ?? false,
  );
  if (!existsSync(join(path, "index.json")))
    throw new MockerError("INVALID_ARGUMENT", `${path} is no OCI image layout: it has no index.json`, {
      hint: "Give the folder that has the file oci-layout in it.",
    });
  const blobPath = (digest: Digest): string => {
    const { algorithm, hex } = splitDigest(digest);
    return join(path, "blobs", algorithm, hex);
  };
  const readBlob = async (digest: Digest): Promise<Buffer> => {
    const file = blobPath(digest);
    const { size } = await stat(file).catch(() => {
      throw new MockerError("IMAGE_INVALID", `${path}: the blob ${digest} is missing`);
    });
    if (size > maximumManifestBytes)
      throw new MockerError(
        "IMAGE_INVALID",
        `${path}: ${digest} has ${size} bytes; at most ${maximumManifestBytes} are allowed`,
      );
    return await readFile(file);
  };
  return await fromLayout(
    path,
    name,
    await readFile(join(path, "index.json")),
    readBlob,
    fileBlobs(blobPath),
  );
}

/** `oci-archive:FILE[:NAME]`: the same as a tar archive. */
export async function ociArchiveSource(
  text: string,
  temporaryFolder: string,
  signal: AbortSignal,
): Promise<{ source: ImageSource; close(): Promise<void> }> {
  const { path, name } = splitPath(
    text,
    (candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile() ?? false,
  );
  const archive = await Archive.open(path, temporaryFolder, signal);
  try {
    const member = (digest: Digest): string => {
      const { algorithm, hex } = splitDigest(digest);
      return `blobs/${algorithm}/${hex}`;
    };
    const source = await fromLayout(
      path,
      name,
      await archive.read("index.json", maximumManifestBytes),
      (digest) => archive.read(member(digest), maximumManifestBytes),
      {
        resumable: false,
        open: async ({ digest }, offset) => ({
          start: offset,
          stream: archive.stream(member(digest), offset),
        }),
      },
    );
    return { source, close: () => archive.close() };
  } catch (error) {
    await archive.close();
    throw error;
  }
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
  throw new MockerError("INVALID_ARGUMENT", `${text}: no such file or folder`, { hint: "Check the path." });
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

/** The reference that an image of a layout gets: its own if it has a whole one, else the folder's name and its tag. */
function tagFor(path: string, { annotations }: Descriptor): string {
  const whole = annotations["io.containerd.image.name"] ?? annotations[refName] ?? "";
  if (/[/:]/.test(whole)) {
    try {
      const reference = parseReference(whole);
      if (reference.digest === undefined) return canonical(reference);
    } catch {
      // A name that is no reference, as anything is allowed there.
    }
  }
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
