import type { ImageSummary } from "../../engine/protocol/index.ts";
import { l10n } from "../l10n.ts";
import { matchesText } from "./vms/vm-arrangement.ts";
import { nothingFound } from "./vms/vm-view-texts.ts";

/** Whether each word of the filter is in a name, a digest or the ID of the image. */
export function matchesImage({ id, repoTags, repoDigests }: ImageSummary, filter: string): boolean {
  return matchesText([id, ...repoTags, ...repoDigests], filter);
}

export function isFilter(value: unknown): value is string {
  return typeof value === "string";
}

/** What the view says of itself: the filter beside its title, and over its rows that there are none. */
export function imageTexts(images: readonly ImageSummary[], filter: string) {
  const isEmpty = images.length > 0 && !images.some((image) => matchesImage(image, filter));
  return {
    description: filter === "" ? "" : l10n.t("“{0}”", filter),
    message: isEmpty ? nothingFound(filter) : "",
  };
}
