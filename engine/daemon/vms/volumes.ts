import { mkdir } from "node:fs/promises";
import { isAbsolute, normalize } from "node:path";
import { MockerError } from "../../protocol/errors.ts";
import type { VolumeMount } from "../../protocol/vm.ts";
import type { GuestMount } from "./machine/agent-protocol.ts";

/** Refuses what Docker refuses: relative paths, the root as target, one target twice. */
export function checkVolumes(volumes: VolumeMount[]): void {
  const targets = new Set<string>();
  for (const { source, target } of volumes) {
    if (!isAbsolute(source)) {
      throw new MockerError(
        "MOUNT_INVALID",
        `invalid volume source "${source}": it must be an absolute path`,
        {
          hint: "Named volumes do not exist yet: give a host folder.",
        },
      );
    }
    if (!isAbsolute(target) || normalize(target) === "/") {
      throw new MockerError(
        "MOUNT_INVALID",
        `invalid volume target "${target}": it must be an absolute path in the guest, and not "/"`,
      );
    }
    if (source.includes("\0") || target.includes("\0")) {
      throw new MockerError("MOUNT_INVALID", "a volume path holds a NUL byte");
    }
    const canonical = normalize(target).replace(/\/$/, "");
    if (targets.has(canonical)) throw new MockerError("MOUNT_INVALID", `Duplicate mount point: ${canonical}`);
    targets.add(canonical);
  }
}

/**
 * Makes missing host directories, as Docker's `-v` does, and turns volumes into what the agent mounts. Outer
 * targets come first.
 */
export async function volumeMounts(
  volumes: VolumeMount[],
  sourceOf: (volume: VolumeMount, index: number) => { kind: "virtiofs" | "bind"; source: string },
): Promise<GuestMount[]> {
  for (const { source } of volumes) {
    await mkdir(source, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") return; // a file
      throw new MockerError("MOUNT_INVALID", `cannot create the host folder ${source}: ${error.message}`, {
        cause: error,
      });
    });
  }
  return volumes
    .map((volume, index): GuestMount => {
      return { ...sourceOf(volume, index), target: normalize(volume.target), readOnly: volume.readOnly };
    })
    .sort((a, b) => a.target.split("/").length - b.target.split("/").length);
}
