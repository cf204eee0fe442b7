import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { isAbsolute, normalize } from "node:path";
import { parseVolumesFrom } from "../../docker/mount.ts";
import { MockerError } from "../../protocol/errors.ts";
import type { Mount } from "../../protocol/vm.ts";
import { canonicalTarget } from "./runtimes/guest-mounts.ts";

/**
 * Refuses what Docker refuses: relative paths, the root as target, one target twice, a source that must be
 * there and is not.
 * @throws MockerError MOUNT_INVALID
 */
export function checkMounts(mounts: readonly Mount[]): void {
  const targets = new Set<string>();
  for (const mount of mounts) {
    checkTarget(mount.target);
    const canonical = canonicalTarget(mount.target);
    if (targets.has(canonical)) throw new MockerError("MOUNT_INVALID", `Duplicate mount point: ${canonical}`);
    targets.add(canonical);
    if (mount.type === "bind") checkSource(mount.source);
    if (mount.type === "bind" && mount.mustExist && !existsSync(mount.source)) throw noSource(mount.source);
  }
}

export function noSource(source: string): MockerError {
  return new MockerError(
    "MOUNT_INVALID",
    `invalid mount config for type "bind": bind source path does not exist: ${source}`,
    { hint: "-v makes a missing directory." },
  );
}

interface MountRequest {
  mounts: readonly Mount[];
  /** `VM[:ro|rw]` */
  volumesFrom: readonly string[];
  /** Targets of the image's own volumes. */
  imageVolumes: readonly string[];
}

/**
 * All mounts of a new VM: its own, those of other VMs that it is to have, and a volume for each of the
 * image's `VOLUME`s that is nothing else; every anonymous volume gets its name.
 * @throws MockerError MOUNT_INVALID; whatever `mountsOf`, which knows the VMs, throws
 */
export function completeMounts(
  { mounts, volumesFrom, imageVolumes }: MountRequest,
  mountsOf: (vm: string) => readonly Mount[],
): Mount[] {
  const byTarget = new Map<string, Mount>();
  for (const text of volumesFrom) {
    const { vm, readOnly } = parseVolumesFrom(text);
    for (const mount of mountsOf(vm)) {
      if (mount.type === "tmpfs") continue;
      byTarget.set(canonicalTarget(mount.target), { ...mount, readOnly: mount.readOnly || readOnly });
    }
  }
  for (const mount of mounts) byTarget.set(canonicalTarget(mount.target), mount);
  for (const target of imageVolumes) {
    const canonical = canonicalTarget(target);
    if (!isAbsolute(target) || canonical === "" || byTarget.has(canonical)) continue;
    byTarget.set(canonical, { type: "volume", target: canonical, readOnly: false });
  }
  return [...byTarget.values()].map((mount) =>
    mount.type === "volume" && mount.name === undefined
      ? { ...mount, name: randomBytes(32).toString("hex"), anonymous: true }
      : mount,
  );
}

function checkTarget(target: string): void {
  if (!isAbsolute(target) || normalize(target) === "/") {
    throw new MockerError(
      "MOUNT_INVALID",
      `invalid volume target "${target}": it must be an absolute path in the guest, and not "/"`,
    );
  }
  if (target.includes("\0")) throw new MockerError("MOUNT_INVALID", "a volume path holds a NUL byte");
}

function checkSource(source: string): void {
  if (!isAbsolute(source)) {
    throw new MockerError("MOUNT_INVALID", `invalid volume source "${source}": it must be an absolute path`);
  }
  if (source.includes("\0")) throw new MockerError("MOUNT_INVALID", "a volume path holds a NUL byte");
}
