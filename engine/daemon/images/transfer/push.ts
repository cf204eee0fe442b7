import { type Digest, isDigest, shortDigest, verifyDigest } from "../../../docker/digest.ts";
import {
  canonical,
  canonicalName,
  familiar,
  familiarName,
  parseReference,
  type Reference,
} from "../../../docker/reference.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type {
  ImagePushParams,
  ImagePushResult,
  PushedTag,
  PushProgress,
} from "../../../protocol/registry.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { fitting, type Platform } from "../oci/platform.ts";
import type { ImageRecord } from "../records/image-records.ts";
import {
  completeIndex,
  type Document,
  type StoredManifest,
  storedIndex,
  storedManifest,
} from "../records/stored-manifest.ts";
import { BlobUpload, pushScope } from "../registry/blob-upload.ts";
import { discard } from "../registry/http.ts";
import type { RegistryClient } from "../registry/registry.ts";
import { refusal } from "../registry/registry-errors.ts";
import type { ContentStore } from "../store/content-store.ts";

export interface PushContext {
  store: ContentStore;
  records: readonly ImageRecord[];
  client: RegistryClient;
  signal: AbortSignal;
  onProgress: (progress: PushProgress) => void;
  /** Keeps blobs from being removed until the push ends. */
  pin(digests: readonly Digest[]): void;
}

/** The parts of one tag's push. */
interface Plan {
  tag: string;
  blobs: Descriptor[];
  layers: Descriptor[];
  /** Manifests that go by digest, before what the tag names. */
  children: Document[];
  top: Document;
  /** The index that the tag named, which is not pushed because not all that it lists is here. */
  instead?: Digest;
}

/**
 * Pushes one tag of an image, or all tags of a repository: blobs and manifests byte for byte as they were
 * pulled. An index is pushed when the store has every image that it lists; else the tag names the one
 * manifest that it has, as with Docker's containerd image store.
 */
export async function pushImage(
  params: Pick<ImagePushParams, "reference" | "allTags" | "platform">,
  context: PushContext,
): Promise<ImagePushResult> {
  const reference = parseReference(params.reference);
  if (reference.digest !== undefined)
    throw new MockerError("INVALID_REFERENCE", "cannot push a digest reference", {
      hint: `Push a tag: mocker push ${familiarName(reference)}:TAG`,
    });
  const tags = tagsOf(reference, params.allTags ?? false, context.records);
  // All of it is planned before the first byte goes out.
  const plans = tags.map((tag) => plan({ ...reference, tag }, params.platform, context));
  const result: ImagePushResult = { repository: canonicalName(reference), tags: [] };
  const seen = new Map<Digest, Promise<void>>();
  for (const next of plans)
    context.pin([...next.blobs, ...next.children, next.top].map(({ digest }) => digest));
  for (const next of plans) {
    result.tags.push(await push(reference, next, seen, context));
  }
  return result;
}

function tagsOf(reference: Reference, all: boolean, records: readonly ImageRecord[]): string[] {
  const own = records
    .flatMap(({ tags }) => Object.keys(tags))
    .map(parseReference)
    .filter((tag) => canonicalName(tag) === canonicalName(reference))
    .map(({ tag }) => tag ?? "latest")
    .sort();
  const name = familiarName(reference);
  if (own.length === 0)
    throw new MockerError("IMAGE_NOT_FOUND", `An image does not exist locally with the tag: ${name}`, {
      hint: `Pull it, or give an image this name: mocker tag IMAGE ${familiar(reference)}`,
    });
  if (all) return own;
  const { tag = "latest" } = reference;
  if (own.includes(tag)) return [tag];
  throw new MockerError("IMAGE_NOT_FOUND", `tag does not exist: ${name}:${tag}`, {
    hint: `Tags of ${name} here: ${own.slice(0, 12).join(", ")}.`,
  });
}

function plan(reference: Reference, platform: string | undefined, context: PushContext): Plan {
  const { store, records } = context;
  const name = canonical(reference);
  const record = records.find(({ tags }) => tags[name] !== undefined);
  const named = record?.tags[name];
  if (record === undefined || named === undefined)
    throw new MockerError("IMAGE_NOT_FOUND", `tag does not exist: ${familiar(reference)}`);
  const tag = reference.tag ?? "latest";
  const index = storedIndex(store, named);
  // The manifest or index that the tag named when it was pulled; else the one that the image was taken from.
  const own = storedManifest(store, named, "") ?? ownManifest(record, store);
  if (platform !== undefined) {
    const candidates: { platform: Platform; value: StoredManifest }[] = [{ platform: record, value: own }];
    for (const { child, stored } of index?.children ?? [])
      if (stored && child.platform) candidates.push({ platform: child.platform, value: stored });
    return planOf(tag, [fitting(candidates, platform, familiar(reference))], undefined);
  }
  const whole = completeIndex(store, named);
  if (whole) return planOf(tag, whole.children, whole.document);
  return { ...planOf(tag, [own], undefined), ...(index === undefined ? {} : { instead: named }) };
}

function ownManifest(record: ImageRecord, store: ContentStore): StoredManifest {
  const { digest, mediaType } = record.manifest;
  const own = storedManifest(store, digest, mediaType);
  if (own !== undefined) return own;
  throw new MockerError(
    "STATE_CORRUPT",
    `the image store lacks a part of the image ${shortDigest(record.id)}`,
    {
      hint: "Pull the image again, then push it.",
    },
  );
}

function planOf(tag: string, manifests: readonly StoredManifest[], index: Document | undefined): Plan {
  const layers = new Map(manifests.flatMap((one) => one.layers).map((layer) => [layer.digest, layer]));
  const configs = new Map(manifests.map(({ config }) => [config.digest, config]));
  const documents = [...new Map(manifests.map(({ document }) => [document.digest, document])).values()];
  const top = index ?? documents[0];
  if (top === undefined) throw new TypeError("a push without an image");
  return {
    tag,
    blobs: [...new Map([...layers, ...configs]).values()],
    layers: [...layers.values()],
    children: index === undefined ? [] : documents,
    top,
  };
}

async function push(
  repository: Reference,
  { tag, blobs, layers, children, top, instead }: Plan,
  seen: Map<Digest, Promise<void>>,
  context: PushContext,
): Promise<PushedTag> {
  const { client, onProgress } = context;
  const shown = new Set(layers.map(({ digest }) => digest));
  for (const layer of layers) onProgress({ layer: shortDigest(layer.digest), status: "preparing" });
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const queue = [...blobs];
  const { maxConcurrentUploads } = client.settings;
  for (const { digest } of queue.slice(maxConcurrentUploads))
    if (shown.has(digest)) onProgress({ layer: shortDigest(digest), status: "waiting" });
  const work = async (): Promise<void> => {
    for (let blob = queue.shift(); blob !== undefined; blob = queue.shift()) {
      const progress = shown.has(blob.digest) ? onProgress : () => {};
      // Tags of one repository share most of their layers: each is uploaded once.
      const before = seen.get(blob.digest);
      const flight =
        before ?? pushBlob({ ...repository, tag }, blob, { ...context, signal, onProgress: progress });
      seen.set(blob.digest, flight);
      await flight;
      if (before) progress({ layer: shortDigest(blob.digest), status: "exists" });
    }
  };
  await Promise.allSettled(
    Array.from({ length: maxConcurrentUploads }, () =>
      work().catch((error: unknown) => {
        // The first failure is the one to report; the others stop because of it.
        if (!failed.signal.aborted) failed.abort(error);
      }),
    ),
  );
  if (failed.signal.aborted) throw failed.signal.reason;
  for (const document of children) await putManifest(repository, document.digest, document, context);
  await putManifest(repository, tag, top, context);
  return {
    tag,
    digest: top.digest,
    size: top.bytes.length,
    ...(instead === undefined ? {} : { insteadOfIndex: instead }),
  };
}

async function pushBlob(repository: Reference, blob: Descriptor, context: PushContext): Promise<void> {
  const layer = shortDigest(blob.digest);
  const { store, client, signal, onProgress } = context;
  let reportedMs = 0;
  const upload = new BlobUpload(
    client,
    repository,
    { digest: blob.digest, size: blob.size, path: store.blobPath(blob.digest) },
    {
      what: familiar(repository),
      signal,
      mountFrom: repositoriesWith(repository, blob.digest, context.records),
      onProgress: (currentBytes) => {
        const now = Date.now();
        if (now - reportedMs < reportEveryMs && currentBytes < blob.size) return;
        reportedMs = now;
        onProgress({ layer, status: "pushing", currentBytes, totalBytes: blob.size });
      },
      onRetry: (message) => onProgress({ layer, status: "retrying", message }),
    },
  );
  const outcome = await upload.run();
  onProgress(
    outcome.how === "mounted"
      ? { layer, status: "mounted", message: outcome.from }
      : { layer, status: outcome.how === "exists" ? "exists" : "pushed" },
  );
}

const maximumMounts = 3;
const reportEveryMs = 100;

/** Other repositories of the same registry from which images with this blob came. */
function repositoriesWith(target: Reference, digest: Digest, records: readonly ImageRecord[]): string[] {
  const names = records
    .filter((record) => record.id === digest || record.layers.some((layer) => layer.digest === digest))
    .flatMap(({ repoDigests }) => repoDigests)
    .map(parseReference)
    .filter(({ domain, path }) => domain === target.domain && path !== target.path)
    .map(({ path }) => path);
  return [...new Set(names)].slice(0, maximumMounts);
}

async function putManifest(
  repository: Reference,
  name: string,
  document: Document,
  { client, signal, onProgress }: PushContext,
): Promise<void> {
  const what = `${familiarName(repository)}${isDigest(name) ? "@" : ":"}${name}`;
  const onRetry = (message: string): void => onProgress({ layer: "", status: "retrying", message });
  await client.session.retrying(repository, signal, onRetry, async () => {
    const response = await client.session.request(
      repository,
      {
        method: "PUT",
        target: `${repository.path}/manifests/${name}`,
        scopes: [pushScope(repository)],
        headers: { "content-type": document.mediaType, "content-length": `${document.bytes.length}` },
        body: () => document.bytes,
        document: true,
        purpose: { action: "push", what, repository },
      },
      signal,
    );
    if (response.status !== 201 && response.status !== 200)
      throw await refusal(repository, response, { action: "push", what });
    discard(response);
    const stored = response.headers["docker-content-digest"];
    if (isDigest(stored)) verifyDigest(document.bytes, stored, what);
  });
}
