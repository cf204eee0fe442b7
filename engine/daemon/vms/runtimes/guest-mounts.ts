import { mkdir } from "node:fs/promises";
import { normalize } from "node:path";
import { MockerError } from "../../../protocol/errors.ts";
import type { Mount } from "../../../protocol/vm.ts";
import type { GuestMount } from "../machine/agent-protocol.ts";

export type BindMount = Mount & { type: "bind" };

/** A path in the guest, clean and without a slash at its end. */
export function canonicalTarget(target: string): string {
  return normalize(target).replace(/\/$/, "");
}

/** The mounts that are shares of the host, in the order in which a runtime numbers them. */
export function bindMounts(mounts: readonly Mount[]): BindMount[] {
  return mounts.filter((mount): mount is BindMount => mount.type === "bind");
}

/**
 * Makes missing directories of the host, as Docker's `-v` does, and turns mounts into what the agent mounts;
 * `shareOf` tells how the guest finds a bind mount, by its place among them. Outer targets come first.
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
