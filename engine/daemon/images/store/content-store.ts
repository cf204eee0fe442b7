import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { syncDirectory, writeFileAtomic } from "../../../common/atomic-file.ts";
import { makeDirectory } from "../../../common/make-directory.ts";
import { type Digest, digestOf, splitDigest, verifyDigest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { type Descriptor, maximumManifestBytes, mediaTypes, parseManifest } from "../oci/manifest.ts";

/** One line of index.json: a name for a manifest in the store. */
export interface LayoutEntry {
  mediaType: string;
  digest: Digest;
  size: number;
  /** Familiar reference, e.g. `alpine:latest`; undefined for an image without a name. */
  name: string | undefined;
  canonicalName: string | undefined;
}

/**
 * The files of the image store. `dir` is an OCI image layout (image-spec image-layout.md), so that other
 * tools can read it, for example `skopeo copy oci:DIR:alpine:latest …`, with Mocker's own directories beside
 * it:
 *
 *   oci-layout, index.json, blobs/ALGORITHM/HEX   as in the specification
 *   ingest/       downloads under way (*.partial, continued after a crash) and temporary files
 *   layers/       HEX.data and HEX.index of each layer, by diff ID; the index appears last
 *   roots/        HEX.erofs, HEX.json and HEX.vmdk of each chain of layers, by chain ID
 *   rootfs/       HEX/: the same unpacked, for the simulation
 *   records/      HEX.json: one file for each image, by image ID; what is in no record is garbage
 */
export class ContentStore {
  readonly dir: string;
  readonly ingestDir: string;
  readonly layersDir: string;
  readonly rootsDir: string;
  readonly rootfsDir: string;
  readonly recordsDir: string;

  constructor(dir: string) {
    this.dir = resolve(dir);
    this.ingestDir = join(this.dir, "ingest");
    this.layersDir = join(this.dir, "layers");
    this.rootsDir = join(this.dir, "roots");
    this.rootfsDir = join(this.dir, "rootfs");
    this.recordsDir = join(this.dir, "records");
    makeDirectory(this.dir);
    for (const directory of [this.ingestDir, this.layersDir, this.rootsDir, this.rootfsDir, this.recordsDir])
      makeDirectory(directory);
    makeDirectory(join(this.dir, "blobs", "sha256"));
    if (!existsSync(join(this.dir, "oci-layout"))) this.writeVersion();
  }

  /** Writes oci-layout. */
  writeVersion(): void {
    writeFileAtomic(join(this.dir, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}', this.ingestDir);
  }

  blobPath(digest: Digest): string {
    const { algorithm, hex } = splitDigest(digest);
    return join(this.dir, "blobs", algorithm, hex);
  }

  partialPath(digest: Digest): string {
    const { algorithm, hex } = splitDigest(digest);
    return join(this.ingestDir, `${algorithm}-${hex}.partial`);
  }

  /** Bytes of a blob's partial download. */
  partialBytes(digest: Digest): number {
    return statSync(this.partialPath(digest), { throwIfNoEntry: false })?.size ?? 0;
  }

  layerPaths(diffId: Digest): { index: string; data: string } {
    const { algorithm, hex } = splitDigest(diffId);
    const base = join(this.layersDir, algorithm === "sha256" ? hex : `${algorithm}-${hex}`);
    return { index: `${base}.index`, data: `${base}.data` };
  }

  hasLayer(diffId: Digest): boolean {
    return existsSync(this.layerPaths(diffId).index);
  }

  hasBlob({ digest, size }: Pick<Descriptor, "digest" | "size">): boolean {
    const stat = statSync(this.blobPath(digest), { throwIfNoEntry: false });
    return stat?.isFile() === true && stat.size === size;
  }

  /** A small blob (manifest, configuration), verified. */
  readBlob(digest: Digest): Buffer {
    const path = this.blobPath(digest);
    const stat = statSync(path);
    // open(2) on a FIFO blocks until a writer appears.
    if (!stat.isFile() || stat.size > maximumManifestBytes)
      throw new MockerError("IMAGE_INVALID", `the blob ${digest} is no manifest: ${stat.size} bytes`);
    const bytes = readFileSync(path);
    verifyDigest(bytes, digest, "the image store");
    return bytes;
  }

  /** Stores a small blob, whose name is durable after {@link syncBlobs}; returns its digest. */
  writeBlob(bytes: Uint8Array, digest = digestOf(bytes)): Digest {
    const path = this.blobPath(digest);
    if (!existsSync(path)) {
      makeDirectory(join(this.dir, "blobs", splitDigest(digest).algorithm));
      writeFileAtomic(path, bytes, this.ingestDir, "contents");
    }
    return digest;
  }

  /**
   * Turns a finished download, or another file of the store, already durable and verified, into a blob; its
   * name is durable after {@link syncBlobs}.
   */
  adoptFile(digest: Digest, path = this.partialPath(digest)): void {
    const directory = join(this.dir, "blobs", splitDigest(digest).algorithm);
    makeDirectory(directory);
    renameSync(path, this.blobPath(digest));
  }

  /** Makes the names of blobs durable: once for all of an image's, before its record names them. */
  syncBlobs(): void {
    for (const algorithm of readdirSync(join(this.dir, "blobs")))
      syncDirectory(join(this.dir, "blobs", algorithm));
  }

  /** Writes index.json unless it says so already. Not flushed: each start of the engine checks it. */
  writeLayout(entries: readonly LayoutEntry[]): void {
    const contents = layoutText(entries);
    const path = join(this.dir, "index.json");
    if (readText(path) !== contents) writeFileAtomic(path, contents, this.ingestDir, "nothing");
  }

  /** Whether index.json has these entries and no others. */
  hasLayout(entries: readonly LayoutEntry[]): boolean {
    return readText(join(this.dir, "index.json")) === layoutText(entries);
  }

  /** The entries of index.json, as far as it can be read: other programs write it too. */
  readLayout(): LayoutEntry[] {
    try {
      const index = parseManifest(
        readFileSync(join(this.dir, "index.json")),
        mediaTypes.ociIndex,
        "index.json",
      );
      if (index.kind !== "index") return [];
      return index.manifests.map(({ mediaType, digest, size, annotations }) => ({
        mediaType,
        digest,
        size,
        name: annotations["org.opencontainers.image.ref.name"],
        canonicalName: annotations["io.containerd.image.name"],
      }));
    } catch {
      return [];
    }
  }

  /** All blobs in the store. */
  *blobs(): Generator<Digest> {
    for (const algorithm of ["sha256", "sha512"]) {
      const directory = join(this.dir, "blobs", algorithm);
      if (existsSync(directory)) for (const hex of readdirSync(directory)) yield `${algorithm}:${hex}`;
    }
  }

  removeBlob(digest: Digest): void {
    rmSync(this.blobPath(digest), { force: true });
  }
}

function layoutText(entries: readonly LayoutEntry[]): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: entries.map(({ mediaType, digest, size, name, canonicalName }) => ({
      mediaType,
      digest,
      size,
      ...(name === undefined && canonicalName === undefined
        ? {}
        : {
            annotations: {
              ...(name === undefined ? {} : { "org.opencontainers.image.ref.name": name }),
              ...(canonicalName === undefined ? {} : { "io.containerd.image.name": canonicalName }),
            },
          }),
    })),
  });
}

/** The contents of a text file; undefined if it is missing or cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
