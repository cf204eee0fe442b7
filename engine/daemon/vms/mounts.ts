import { mkdir } from "node:fs/promises";
import { isAbsolute, normalize } from "node:path";
import { MockerError } from "../../protocol/errors.ts";
import type { Mount } from "../../protocol/vm.ts";
import type { GuestMount } from "./machine/agent-protocol.ts";

export type BindMount = Mount & { type: "bind" };

/**
 * Refuses what Docker refuses: relative paths, the root as target, one target twice; and what Mocker cannot mount yet.
 * An anonymous volume is left out, with a warning: its directory is one of the VM's own disk.
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

function canonicalTarget(target: string): string {
  return normalize(target).replace(/\/$/, "");
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

/** The mounts that are shares of the host, in the order in which a runtime numbers them. */
export function bindMounts(mounts: readonly Mount[]): BindMount[] {
  return mounts.filter((mount): mount is BindMount => mount.type === "bind");
}

/**
 * Makes missing directories of the host, as Docker's `-v` does, and turns mounts into what the agent mounts; `shareOf`
 * tells how the guest finds a bind mount, by its place among them. Outer targets come first.
 * @throws MockerError MOUNT_INVALID
 */
export async function guestMounts(
  mounts: readonly Mount[],
  shareOf: (mount: BindMount, index: number) => { kind: "virtiofs" | "bind"; source: string },
): Promise<GuestMount[]> {
  const binds = bindMounts(mounts);
  for (const { source } of binds) {
    await mkdir(source, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") return; // a file
      throw new MockerError("MOUNT_INVALID", `cannot create the host directory ${source}: ${error.message}`, {
        cause: error,
      });
    });
  }
  const shares = binds.map((mount, index): GuestMount => {
    return { ...shareOf(mount, index), target: canonicalTarget(mount.target), readOnly: mount.readOnly };
  });
  const inMemory = mounts.flatMap((mount): GuestMount[] => {
    if (mount.type !== "tmpfs") return [];
    const { target, readOnly, sizeBytes = 0 } = mount;
    return [{ kind: "tmpfs", target: canonicalTarget(target), readOnly, sizeBytes }];
  });
  return [...shares, ...inMemory].sort((a, b) => a.target.split("/").length - b.target.split("/").length);
}
