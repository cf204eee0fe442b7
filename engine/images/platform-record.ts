import { MockerError } from "../protocol/errors.ts";
import { heldIndex } from "./held-manifest.ts";
import type { ImageCatalog } from "./image-catalog.ts";
import type { ImageRecord } from "./image-records.ts";
import { formatPlatform, match, parsePlatform } from "./platform.ts";
import type { ContentStore } from "./store/content-store.ts";

/**
 * The image of a platform (`os/arch[/variant]`) that `text`, by which `record` was found, means: that one, or another that the same index lists
 * and that was pulled too. @throws NO_MATCHING_PLATFORM in Docker's words
 */
export function recordFor(
  store: ContentStore,
  catalog: ImageCatalog,
  record: ImageRecord,
  text: string,
  platform: string | undefined,
): ImageRecord {
  if (platform === undefined) return record;
  const wanted = parsePlatform(platform);
  const candidates = [record, ...siblings(store, catalog, record, text)];
  const ranked = candidates.map((candidate) => ({ candidate, rank: match(wanted, candidate) }));
  const [best] = ranked.sort((a, b) => b.rank - a.rank);
  if (best !== undefined && best.rank > 0) return best.candidate;
  const here = [...new Set(candidates.map(formatPlatform))];
  throw new MockerError(
    "NO_MATCHING_PLATFORM",
    `image with reference ${text} was found but does not provide the specified platform (${formatPlatform(wanted)})`,
    { hint: `It is here for ${here.join(", ")}; pull the other one first, with --platform.` },
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
  const listed = new Set(heldIndex(store, named)?.children.map(({ child }) => child.digest));
  return catalog.records.all().filter((other) => other.id !== record.id && listed.has(other.manifest.digest));
}
