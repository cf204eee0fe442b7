import { tarEnd } from "../../../common/tar/tar-writer.ts";
import { applyChanges, type DockerConfig } from "../../../docker/config-changes.ts";
import { type Digest, digestOf } from "../../../docker/digest.ts";
import { canonical, parseReference } from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import { isRecord } from "../../../protocol/params/schema.ts";
import type { ImageIngester } from "../ingest/image-ingester.ts";
import { memoryBlobs } from "../oci/blob-source.ts";
import { type Descriptor, mediaTypes, parseManifest } from "../oci/manifest.ts";
import type { ImageRecord } from "../records/image-records.ts";
import type { ImageSource } from "../sources/image-source.ts";
import type { ContentStore } from "../store/content-store.ts";
import type { Garbage } from "../store/garbage.ts";
import { translateNoSpace } from "../store/no-space.ts";
import { receiveLayer } from "./received-layer.ts";

export interface CommitParams {
  /** `repository[:tag]`; absent: the image gets no name. */
  reference?: string | undefined;
  author: string;
  comment: string;
  /** The command that made the changes. */
  createdBy: string;
  /** How the image is run. */
  config: DockerConfig;
  /** Instructions of a Dockerfile that change that. */
  changes: readonly string[];
}

/**
 * A guest may claim files of any size, as a sparse one takes nothing of its disk: that holds half of this.
 */
const maxLayerBytes = 32 * 1024 ** 3;
const emptyLayer = digestOf(tarEnd);
/** What says how the base was made. */
const droppedKeys = ["container", "container_config", "id", "parent", "comment", "docker_version"];
/** What of the base's configuration no VM changes. */
const inheritedKeys = ["Healthcheck", "Shell", "ArgsEscaped"];
const dockerLayer = "application/vnd.docker.image.rootfs.diff.tar";

/** Docker's `commit`: an image of another one's layers and one more. */
export class ImageCommitter {
  readonly #store: ContentStore;
  readonly #garbage: Garbage;
  readonly #ingester: ImageIngester;

  constructor(store: ContentStore, garbage: Garbage, ingester: ImageIngester) {
    this.#store = store;
    this.#garbage = garbage;
    this.#ingester = ingester;
  }

  /**
   * @param layer a tar archive of changes, as layers are; one without an entry is no layer
   * @returns the image's ID @throws IMAGE_INVALID for changes that no image can have; INVALID_ARGUMENT,
   * NO_SPACE
   */
  async commit(
    base: ImageRecord,
    params: CommitParams,
    layer: AsyncIterable<Buffer>,
    signal: AbortSignal,
  ): Promise<Digest> {
    // Mistakes are said before gigabytes are read.
    const config = applyChanges(params.config, params.changes);
    const reference = params.reference === undefined ? undefined : parseReference(params.reference);
    if (reference?.digest !== undefined)
      throw new MockerError("INVALID_REFERENCE", "cannot commit to digest reference");
    const pins: string[] = [];
    try {
      const received = await receiveLayer(this.#store, limited(layer), "the changes", signal);
      this.#garbage.pin(pins, received.digest, received.diffId);
      this.#store.adoptFile(received.digest, received.path);
      const isEmpty = received.diffId === emptyLayer;
      const image = imageOf(
        this.#store.readBlob(base.id),
        params,
        config,
        isEmpty ? undefined : received.diffId,
      );
      const source = sourceOf(
        image,
        [...layersOf(this.#store, base), ...(isEmpty ? [] : [received])],
        reference === undefined ? [] : [canonical(reference)],
      );
      const platform = { os: base.os, architecture: base.architecture, variant: base.variant };
      const { id } = await this.#ingester.ingest(source, platform, signal, () => undefined);
      return id;
    } catch (error) {
      if (signal.aborted) throw new MockerError("CANCELLED", "the commit was cancelled");
      throw translateNoSpace(error);
    } finally {
      await this.#garbage.release(pins);
    }
  }
}

async function* limited(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > maxLayerBytes)
      throw new MockerError(
        "NO_SPACE",
        "the changes have more than 32 GiB, which is more than a VM's disk holds",
        {
          hint: "Remove large sparse files in the VM, or put them on a volume.",
        },
      );
    yield chunk;
  }
}

type LayerBlob = Pick<Descriptor, "mediaType" | "digest" | "size">;

/** The layers' blobs, by their OCI types: a manifest is of one kind. */
function layersOf(store: ContentStore, { manifest }: ImageRecord): LayerBlob[] {
  const parsed = parseManifest(store.readBlob(manifest.digest), manifest.mediaType, "the VM's image");
  if (parsed.kind !== "manifest") throw new MockerError("IMAGE_INVALID", "the VM's image is an index");
  return parsed.layers.map(({ mediaType, digest, size }) => {
    const [type = "", compression] = mediaType.replace(/\.gzip$/, "+gzip").split("+");
    const ociType = type === dockerLayer ? mediaTypes.ociLayer : type;
    return { mediaType: compression === undefined ? ociType : `${ociType}+${compression}`, digest, size };
  });
}

/** The image's configuration (image-spec config.md), from its base's. */
function imageOf(
  base: Buffer,
  { author, comment, createdBy }: CommitParams,
  config: DockerConfig,
  diffId: Digest | undefined,
): Buffer {
  const parsed: unknown = JSON.parse(base.toString("utf8"));
  const kept: Record<string, unknown> = Object.fromEntries(
    Object.entries(isRecord(parsed) ? parsed : {}).filter(([key]) => !droppedKeys.includes(key)),
  );
  const own = isRecord(kept.config) ? kept.config : {};
  const inherited = Object.fromEntries(inheritedKeys.flatMap((key) => (key in own ? [[key, own[key]]] : [])));
  const diffIds = isRecord(kept.rootfs) && Array.isArray(kept.rootfs.diff_ids) ? kept.rootfs.diff_ids : [];
  const steps: unknown[] = Array.isArray(kept.history) ? kept.history : [];
  const withLayer = steps.filter((step) => !isRecord(step) || step.empty_layer !== true);
  // A base with less history than layers would lend the new step's line to one of its own.
  const missing = diffIds.slice(withLayer.length).map(() => ({ created: kept.created }));
  const created = new Date().toISOString();
  const step = {
    created,
    created_by: createdBy,
    ...(author === "" ? {} : { author }),
    ...(comment === "" ? {} : { comment }),
    ...(diffId === undefined ? { empty_layer: true } : {}),
  };
  return Buffer.from(
    JSON.stringify({
      ...kept,
      created,
      author: author === "" ? undefined : author,
      config: { ...inherited, ...config },
      rootfs: { type: "layers", diff_ids: diffId === undefined ? diffIds : [...diffIds, diffId] },
      history: [...steps, ...missing, step],
    }),
  );
}

/** Its layers are in the store. */
function sourceOf(config: Buffer, layers: LayerBlob[], tags: string[]): ImageSource {
  const configDigest = digestOf(config);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: configDigest, size: config.length },
      layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    }),
  );
  return {
    name: "the new image",
    top: { bytes: manifest, contentType: mediaTypes.ociManifest, digest: digestOf(manifest) },
    manifest: () => Promise.reject(new Error("a committed image has one manifest")),
    blobs: memoryBlobs(new Map([[configDigest, config]])),
    tags,
    repository: undefined,
  };
}
