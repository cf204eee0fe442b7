/** `GET /system/df`: what images, containers and volumes take of the disk. */
import { MockerError, type SystemUsage, type VmSummary } from "../../protocol/index.ts";
import { volumeObject } from "../inspect-object.ts";
import { type ContainerSize, containerEntry } from "./container-object.ts";
import { imageListObject } from "./image-objects.ts";
import { since } from "./versions.ts";

const types = ["build-cache", "container", "image", "volume"];

/**
 * For API 1.`minor`. `only`: the kinds that are asked for, none for all.
 * @throws INVALID_ARGUMENT for a kind that there is not
 */
export function usageObject(
  usage: SystemUsage,
  minor: number,
  only: readonly string[] = [],
): Record<string, unknown> {
  const unknown = only.find((type) => !types.includes(type));
  if (unknown !== undefined) throw new MockerError("INVALID_ARGUMENT", `unknown object type: ${unknown}`);
  const ifAsked = <T>(type: string, value: T): T | null =>
    only.length === 0 || only.includes(type) ? value : null;
  const { images, vms, volumes } = usage;
  const sizeOf = containerSizes(usage);
  return {
    LayersSize: ifAsked("image", images.diskBytes) ?? 0,
    Images: ifAsked(
      "image",
      images.items
        .toSorted((a, b) => Date.parse(b.image.created) - Date.parse(a.image.created))
        .map(({ image, ...counts }) => imageListObject(image, minor, counts)),
    ),
    Containers: ifAsked(
      "container",
      vms.map(({ vm }) => containerEntry(vm, undefined, sizeOf(vm))),
    ),
    Volumes: ifAsked(
      "volume",
      volumes.map(({ volume, diskBytes }) => ({
        ...volumeObject(volume),
        UsageData: { RefCount: volume.users.length, Size: diskBytes },
      })),
    ),
    // There is no builder.
    BuildCache: ifAsked("build-cache", []),
    ...(minor < since.typedUsage ? { BuilderSize: 0 } : {}),
  };
}

/** What each VM has written, and that with its image. */
export function containerSizes({ vms, images }: SystemUsage): (vm: VmSummary) => ContainerSize {
  const own = new Map(vms.map(({ vm, diskBytes }) => [vm.id, diskBytes]));
  const ofImages = new Map(images.items.map(({ image }) => [image.id, image.sizeBytes]));
  return ({ id, imageId }) => {
    const written = own.get(id) ?? 0;
    return { own: written, whole: written + (ofImages.get(imageId) ?? 0) };
  };
}
