import { diskBytes } from "../../../common/disk-bytes.ts";
import type { Digest } from "../../../docker/digest.ts";
import { familiar, parseReference } from "../../../docker/reference.ts";
import type { ImageTree, PlatformImage } from "../../../protocol/image.ts";
import { formatPlatform, normalize } from "../oci/platform.ts";
import { blobsOf, type ImageRecord, keysOf } from "../records/image-records.ts";
import { storedIndex } from "../records/stored-manifest.ts";
import type { ContentStore } from "../store/content-store.ts";
import type { Garbage } from "../store/garbage.ts";

/** A manifest, as an index lists it or as it is named itself. */
type Listed = Pick<PlatformImage, "id" | "platform">;

/** What names meant when they were pulled: an index, or a single manifest. */
interface Root {
  readonly digest: Digest;
  readonly names: string[];
  readonly listed: readonly Listed[];
}

/**
 * Images as Docker's tree has them: each index with the platforms that it lists, pulled or not.
 * @param wanted images of `all`, with those of their names that are asked for
 */
export async function imageTrees(
  store: ContentStore,
  garbage: Garbage,
  { wanted, all }: { wanted: readonly ImageRecord[]; all: readonly ImageRecord[] },
  isUsed: (imageId: string) => boolean,
): Promise<ImageTree[]> {
  const bytes = new Map<string, number>();
  for (const { key, path } of [...garbage.items()])
    bytes.set(key, (bytes.get(key) ?? 0) + (await diskBytes(path)));
  const sizeOf = (keys: Iterable<string>): number =>
    [...new Set(keys)].reduce((sum, key) => sum + (bytes.get(key) ?? 0), 0);

  const trees = rootsOf(store, wanted).map(({ digest, names, listed }): ImageTree => {
    const stored = listed.map(({ id }) => all.find(({ manifest }) => manifest.digest === id));
    const platforms = listed.map((manifest, index): PlatformImage => {
      const record = stored[index];
      if (record === undefined)
        return { ...manifest, isStored: false, diskBytes: 0, contentBytes: 0, isUsed: false };
      return {
        ...manifest,
        isStored: true,
        diskBytes: sizeOf(keysOf(record)),
        contentBytes: sizeOf(blobsOf(record).map((blob) => blob.digest)),
        isUsed: isUsed(record.id),
      };
    });
    const records = stored.filter((record) => record !== undefined);
    return {
      id: digest,
      repoTags: names.sort(),
      created: records.map(({ created }) => created).sort((a, b) => Date.parse(b) - Date.parse(a))[0] ?? "",
      diskBytes: sizeOf([digest, ...records.flatMap((record) => [...keysOf(record)])]),
      contentBytes: platforms.reduce((sum, platform) => sum + platform.contentBytes, 0),
      isUsed: platforms.some((platform) => platform.isUsed),
      platforms,
    };
  });
  return trees.sort((a, b) => Date.parse(b.created) - Date.parse(a.created) || (a.id < b.id ? -1 : 1));
}

function rootsOf(store: ContentStore, records: readonly ImageRecord[]): Root[] {
  const roots = new Map<Digest, Root>();
  const rootAt = (digest: Digest, record: ImageRecord): Root => {
    const root = roots.get(digest) ?? { digest, names: [], listed: listedBy(store, digest, record) };
    roots.set(digest, root);
    return root;
  };
  for (const record of records)
    for (const [tag, digest] of Object.entries(record.tags))
      rootAt(digest, record).names.push(familiar(parseReference(tag)));
  for (const record of records) {
    const isListed = [...roots.values()].some(({ listed }) =>
      listed.some(({ id }) => id === record.manifest.digest),
    );
    const [named = `@${record.manifest.digest}`] = record.repoDigests;
    if (!isListed) rootAt(named.slice(named.indexOf("@") + 1), record);
  }
  return [...roots.values()];
}

/** Without attestations. `record` is the image that has the digest's name. */
function listedBy(store: ContentStore, digest: Digest, record: ImageRecord): Listed[] {
  const own = { id: record.manifest.digest, platform: formatPlatform(normalize(record)) };
  const listed = (storedIndex(store, digest)?.children ?? [])
    .filter(({ child }) => child.annotations["vnd.docker.reference.type"] === undefined)
    .map(({ child: { digest: id, platform } }) => ({
      id,
      platform: platform === undefined ? own.platform : formatPlatform(normalize(platform)),
    }));
  return listed.some(({ id }) => id === own.id) ? listed : [own];
}
