import { diskBytes } from "../../common/disk-bytes.ts";
import type { SystemCheckResult, SystemUsage } from "../../protocol/system.ts";
import type { CheckOptions, ImageStore } from "../images/image-store.ts";
import type { VmManager } from "../vms/vm-manager.ts";

/** What images and VMs take of the disk. */
export async function systemUsage(images: ImageStore, vms: VmManager): Promise<SystemUsage> {
  const all = await vms.list({ all: true });
  const usages = [];
  for (const vm of all) usages.push({ vm, diskBytes: await diskBytes(vms.find(vm.id).files.dir) });
  return {
    images: await images.usage((imageId) => all.filter((vm) => vm.imageId === imageId).length),
    vms: usages,
  };
}

/** Proves the image store, and that every VM has its image in it. */
export async function checkSystem(
  images: ImageStore,
  vms: VmManager,
  options: Omit<CheckOptions, "running">,
): Promise<SystemCheckResult> {
  const all = await vms.list({ all: true });
  const running = new Set(
    all.filter(({ state }) => state === "running" || state === "paused").map(({ imageId }) => imageId),
  );
  const result = await images.check({ ...options, running });
  const present = new Set((await images.list()).map(({ id }) => id));
  for (const { name, image, imageId } of all) {
    result.checked.vms++;
    if (present.has(imageId)) continue;
    result.problems.push({
      severity: "error",
      subject: `VM ${name}`,
      problem: `needs the image ${imageId}, which is not in the store`,
      hint: `Bring the image back (it was called ${image}), or remove the VM: mocker rm ${name}`,
      repaired: false,
    });
  }
  return result;
}
