import { readdirSync } from "node:fs";
import { join } from "node:path";
import { diskBytes } from "../../../common/disk-bytes.ts";
import type { ImageUsage, SystemUsage } from "../../../protocol/system.ts";
import { type ImageRecord, keysOf, shownBytes } from "../records/image-records.ts";
import { summaryOf } from "../records/image-summary.ts";
import type { ContentStore } from "../store/content-store.ts";
import type { Garbage } from "../store/garbage.ts";

/** Disk usage of the store, and of each image in it. */
export async function storeUsage(
  store: ContentStore,
  garbage: Garbage,
  records: readonly ImageRecord[],
  vmsOf: (imageId: string) => number,
): Promise<SystemUsage["images"]> {
  const owners = new Map<string, number>();
  for (const record of records)
    for (const diffId of new Set(record.layers.map((layer) => layer.diffId)))
      owners.set(diffId, (owners.get(diffId) ?? 0) + 1);
  const items = records.map(
    (record): ImageUsage => ({
      image: summaryOf(record),
      sharedBytes: record.layers.reduce(
        (sum, layer) => sum + ((owners.get(layer.diffId) ?? 0) > 1 ? shownBytes(layer) : 0),
        0,
      ),
      vms: vmsOf(record.id),
    }),
  );
  const used = new Set<string>();
  for (const record of records) if (vmsOf(record.id) > 0) for (const key of keysOf(record)) used.add(key);
  // Unfinished downloads and leftovers go with a prune, if not by themselves.
  let total = 0;
  for (const name of readdirSync(store.ingestDir)) total += await diskBytes(join(store.ingestDir, name));
  let reclaimable = total;
  for (const { key, path } of [...garbage.items()]) {
    const bytes = await diskBytes(path);
    total += bytes;
    if (!used.has(key)) reclaimable += bytes;
  }
  return { items, diskBytes: total, reclaimableBytes: reclaimable };
}
