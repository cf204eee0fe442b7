import { isAbsolute, normalize } from "node:path";
import { MockerError } from "../../protocol/errors.ts";
import type { Mount } from "../../protocol/vm.ts";
import { canonicalTarget } from "./runtimes/guest-mounts.ts";

/**
 * Refuses what Docker refuses: relative paths, the root as target, one target twice; and what Mocker cannot
 * mount yet. An anonymous volume is left out, with a warning: its directory is one of the VM's own disk.
 * @throws MockerError MOUNT_INVALID
 */
export function checkMounts(mounts: readonly Mount[]): { mounts: Mount[]; warnings: string[] } {
  const checked: Mount[] = [];
  const warnings: string[] = [];
  const targets = new Set<string>();
  for (const mount of mounts) {
    checkTarget(mount.target);
    const canonical = canonicalTarget(mount.target);
    if (targets.has(canonical)) throw new MockerError("MOUNT_INVALID", `Duplicate mount point: ${canonical}`);
    targets.add(canonical);
    if (mount.type === "bind") checkSource(mount.source);
    if (mount.type === "volume") {
      if (mount.name !== undefined) throw noNamedVolumes(mount.name, mount.target);
      warnings.push(
        `-v ${mount.target}: anonymous volumes are not supported yet, the directory stays on the VM's own disk`,
      );
      continue;
    }
    checked.push(mount);
  }
  return { mounts: checked, warnings };
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

function noNamedVolumes(name: string, target: string): MockerError {
  return new MockerError(
    "MOUNT_INVALID",
    `invalid spec: ${name}:${target}: named volumes are not supported yet`,
    { hint: `give a path: ./${name} or an absolute one` },
  );
}
