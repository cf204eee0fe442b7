/** What Docker's API says of images; `../inspect-object.ts` has what `docker image inspect` does. */
import type {
  ImageDetails,
  ImageHistoryEntry,
  ImageRemoveResult,
  ImageSummary,
} from "../../protocol/index.ts";
import { imageObject } from "../inspect-object.ts";
import { since } from "./versions.ts";

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
  const isNameless = minor < since.emptyNameLists && repoTags.length + repoDigests.length === 0;
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
    ...(minor < since.noVirtualSize ? { VirtualSize: sizeBytes } : {}),
  };
}

/** An image's `Config` in which nothing is set. */
const emptyConfig = {
  User: "",
  Env: null,
  Cmd: null,
  Volumes: null,
  WorkingDir: "",
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

/** The same with what only a container's has, as images had it, too. */
const emptyContainerConfig = {
  ...emptyConfig,
  Hostname: "",
  Domainname: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Image: "",
};

/** What an inspected image may lack. */
const omitted = ["Author", "Comment", "DockerVersion", "Parent"];

/** `GET /images/…/json`, for API 1.`minor`. */
export function imageInspectObject(image: ImageDetails, minor: number): Record<string, unknown> {
  // As without containerd's image store, which alone has descriptors.
  const { Descriptor, ...object } = imageObject(image);
  if (minor >= since.imageOmitsEmpty)
    return Object.fromEntries(
      Object.entries(object).filter(([key, value]) => value !== "" || !omitted.includes(key)),
    );
  const empty = minor < since.imageConfigAlone ? emptyContainerConfig : emptyConfig;
  return {
    ...object,
    Config: { ...empty, ...Object(object.Config) },
    ...(minor < since.noVirtualSize ? { VirtualSize: image.sizeBytes } : {}),
    ...(minor < since.noImageContainer ? { Container: "", ContainerConfig: emptyContainerConfig } : {}),
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
