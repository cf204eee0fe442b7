/** `GET /system/df`: what images, containers and volumes take of the disk. */
import { MockerError, type SystemUsage, type VmUsage } from "../../protocol/index.ts";
import { isTmpfsFlag } from "../inspect-host-config.ts";
import { volumeObject } from "../inspect-object.ts";
import { imageListObject } from "./image-objects.ts";
import { since } from "./versions.ts";

const types = ["build-cache", "container", "image", "volume"];

/**
 * For API 1.`minor`. `only`: the kinds that are asked for, none for all.
 * @throws INVALID_ARGUMENT for a kind that there is not
 */
export function usageObject(
  { images, vms, volumes }: SystemUsage,
  minor: number,
  only: readonly string[] = [],
): Record<string, unknown> {
  const unknown = only.find((type) => !types.includes(type));
  if (unknown !== undefined) throw new MockerError("INVALID_ARGUMENT", `unknown object type: ${unknown}`);
  const ifAsked = <T>(type: string, value: T): T | null =>
    only.length === 0 || only.includes(type) ? value : null;
  return {
    LayersSize: ifAsked("image", images.diskBytes) ?? 0,
    Images: ifAsked(
      "image",
      images.items.map(({ image, ...counts }) => imageListObject(image, minor, counts)),
    ),
    Containers: ifAsked("container", vms.map(containerUsage)),
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

function containerUsage({ vm, diskBytes }: VmUsage): Record<string, unknown> {
  return {
    Id: vm.id,
    Names: [`/${vm.name}`],
    Image: vm.image,
    ImageID: vm.imageId,
    Command: vm.command.join(" "),
    Created: Math.floor(Date.parse(vm.createdAt) / 1000),
    SizeRw: diskBytes,
    Labels: new Map(Object.entries(vm.labels)),
    State: vm.state,
    Status: vm.status,
    Mounts: vm.mounts.filter((mount) => !isTmpfsFlag(mount)).map(({ type }) => ({ Type: type })),
  };
}
