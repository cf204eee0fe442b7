/** What Docker's API says of images in lists; `inspect-object.ts` has the whole of one. */
import type { ImageDetails, ImageHistoryEntry, ImageRemoveResult, ImageSummary } from "../protocol/index.ts";

/** The API 1.x that has an empty list for an image without names, and none of Docker's `<none>`. */
const emptyListsSince = 43;
/** The first that has no `VirtualSize`, which said the same as `Size`. */
const withoutVirtualSize = 44;

/** What is counted only where it is asked for. */
export interface ImageCounts {
  /** Bytes of layers that other images have too. */
  sharedBytes?: number;
  vms?: number;
}

/** An entry of `GET /images/json`, for API 1.`minor`. */
export function imageListObject(
  image: ImageSummary,
  minor: number,
  { sharedBytes = -1, vms = -1 }: ImageCounts = {},
): Record<string, unknown> {
  const { id, repoTags, repoDigests, sizeBytes, labels } = image;
  const isNameless = minor < emptyListsSince && repoTags.length + repoDigests.length === 0;
  return {
    Containers: vms,
    Created: unixSeconds(image.created),
    Id: id,
    Labels: Object.keys(labels).length === 0 ? null : new Map(Object.entries(labels)),
    ParentId: "",
    RepoDigests: isNameless ? ["<none>@<none>"] : repoDigests,
    RepoTags: isNameless ? ["<none>:<none>"] : repoTags,
    SharedSize: sharedBytes,
    Size: sizeBytes,
    ...(minor < withoutVirtualSize ? { VirtualSize: sizeBytes } : {}),
  };
}

/** `GET /images/…/history`: the newest step has the image's names. */
export function historyObjects(
  history: readonly ImageHistoryEntry[],
  { repoTags }: Pick<ImageDetails, "repoTags">,
): Record<string, unknown>[] {
  return history.map(({ id, created, createdBy, sizeBytes, comment }, index) => ({
    Comment: comment,
    Created: unixSeconds(created),
    CreatedBy: createdBy,
    Id: id,
    Size: sizeBytes,
    Tags: index === 0 && repoTags.length > 0 ? repoTags : null,
  }));
}

/** What a removal or a prune took away. */
export function removedObjects({ untagged, deleted }: ImageRemoveResult): Record<string, string>[] {
  return [...untagged.map((Untagged) => ({ Untagged })), ...deleted.map((Deleted) => ({ Deleted }))];
}

/** 0 where there is no time. */
function unixSeconds(time: string): number {
  return Math.floor((Date.parse(time) || 0) / 1000);
}
