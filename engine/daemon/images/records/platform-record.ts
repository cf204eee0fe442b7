import { fitting } from "../oci/platform.ts";
import type { ContentStore } from "../store/content-store.ts";
import type { ImageCatalog } from "./image-catalog.ts";
import type { ImageRecord } from "./image-records.ts";
import { storedIndex } from "./stored-manifest.ts";

/**
 * The image of a platform (`os/arch[/variant]`) that `text`, by which `record` was found, means: that one, or
 * another that the same index lists and that was pulled too. @throws NO_MATCHING_PLATFORM in Docker's words
 */
export function recordFor(
  store: ContentStore,
  catalog: ImageCatalog,
  record: ImageRecord,
  text: string,
  platform: string | undefined,
): ImageRecord {
  if (platform === undefined) return record;
  const candidates = [record, ...siblings(store, catalog, record, text)];
  return fitting(
    candidates.map((value) => ({ platform: value, value })),
    platform,
    text,
  );
}

/** Images of the index that a name meant when it was pulled. */
function siblings(
  store: ContentStore,
  catalog: ImageCatalog,
  record: ImageRecord,
  text: string,
): ImageRecord[] {
  const reference = catalog.referenceTo(record, text);
  if (reference === undefined) return [];
  const named = record.tags[reference] ?? reference.slice(reference.indexOf("@") + 1);
  const listed = new Set(storedIndex(store, named)?.children.map(({ child }) => child.digest));
  return catalog.records.all().filter((other) => other.id !== record.id && listed.has(other.manifest.digest));
}
