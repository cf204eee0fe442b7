import { createReadStream, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { temporaryName } from "../../../common/atomic-file.ts";
import { type Digest, hasherFor, splitDigest } from "../../../docker/digest.ts";
import type { ContentStore } from "../store/content-store.ts";
import { sameFiles } from "../store/same-files.ts";
import type { LayerConversionQueue } from "./layer-conversion-queue.ts";
import { defaultLimits, type LayerLimits } from "./layer-converter.ts";
import { readLayerTotals } from "./layer-index.ts";

/** A layer of an image: its blob and what the blob holds. */
interface CheckedLayer {
  digest: Digest;
  diffId: Digest;
  sizeBytes: number;
}

/** The fault of a blob; undefined for none. Reads the whole blob if `deep`. */
export async function blobFault(
  store: ContentStore,
  digest: Digest,
  size: number,
  deep: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = store.blobPath(digest);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return "is missing";
  if (!stat.isFile()) return "is no file";
  if (stat.size !== size) return `has ${stat.size} bytes instead of ${size}`;
  if (!deep) return undefined;
  const hash = hasherFor(digest);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(chunk);
  return hash.digest("hex") === splitDigest(digest).hex
    ? undefined
    : "has other contents than its digest says";
}

/**
 * The fault of a converted layer as far as its header and sizes tell; undefined for none, or if the layer is
 * not converted.
 */
export function layerFault(store: ContentStore, diffId: Digest): string | undefined {
  const { index, data } = store.layerPaths(diffId);
  const dataBytes = statSync(data, { throwIfNoEntry: false })?.size;
  if (!store.hasLayer(diffId)) return dataBytes === undefined ? undefined : "has no index";
  const totals = readLayerTotals(index);
  if (!totals) return "has a damaged index";
  if (dataBytes === undefined) return "has no data";
  return dataBytes === totals.dataBytes
    ? undefined
    : `has ${dataBytes} bytes of data instead of ${totals.dataBytes}`;
}

/**
 * The fault of a converted layer, found by converting its blob again, which also verifies the diff ID, and
 * comparing.
 */
export async function deepLayerFault(
  store: ContentStore,
  conversions: LayerConversionQueue,
  { digest, diffId, sizeBytes }: CheckedLayer,
  name: string,
  signal: AbortSignal,
  limits: LayerLimits = defaultLimits,
): Promise<string | undefined> {
  const base = join(store.ingestDir, temporaryName("check"));
  const dataPath = `${base}-data`;
  const indexPath = `${base}-index`;
  const job = conversions.convert({
    op: "convert",
    blobPath: store.blobPath(digest),
    digest,
    diffId,
    dataPath,
    indexPath,
    limits,
    name,
  });
  const abort = (): void => job.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    job.available(sizeBytes, true);
    await job.result;
    if (!store.hasLayer(diffId)) return undefined;
    const paths = store.layerPaths(diffId);
    if (!(await sameFiles(indexPath, paths.index))) return "has another index than its blob makes";
    return (await sameFiles(dataPath, paths.data)) ? undefined : "has other data than its blob makes";
  } finally {
    signal.removeEventListener("abort", abort);
    // Until the job ends its thread may write the files.
    await job.ended;
    await rm(dataPath, { force: true });
    await rm(indexPath, { force: true });
  }
}
