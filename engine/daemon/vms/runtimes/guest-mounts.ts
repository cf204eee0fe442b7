import { normalize } from "node:path";
import type { Mount } from "../../../protocol/vm.ts";
import type { GuestMount } from "../machine/agent-protocol.ts";

/** What a VM gets of the host: a bind mount, or a volume's directory. */
export interface HostShare {
  type: "share";
  /** Absolute path on the host. */
  source: string;
  sourceKind: "directory" | "file" | "other";
  target: string;
  readOnly: boolean;
  /** A part of the source alone. */
  subpath?: string;
  /** See {@link GuestMount}. */
  fill?: boolean;
  clear?: boolean;
}

/** A block volume: a disk with an ext4 file system. */
export interface HostDisk {
  type: "disk";
  /** Its name. */
  volume: string;
  /** Absolute path of the image file on the host. */
  source: string;
  target: string;
  readOnly: boolean;
  /** Something is written to the disk, be it here, in another place of the VM, or by the guest agent. */
  writes: boolean;
  subpath?: string;
  fill?: boolean;
  clear?: boolean;
}

/** A mount whose source on the host is known, and there. */
export type HostMount = HostShare | HostDisk | (Mount & { type: "tmpfs" });

/** A path in the guest, clean and without a slash at its end. */
export function canonicalTarget(target: string): string {
  return normalize(target).replace(/\/$/, "");
}

/** The mounts that are shares of the host, in the order in which a runtime numbers them. */
export function sharesOf(mounts: readonly HostMount[]): HostShare[] {
  return mounts.filter((mount): mount is HostShare => mount.type === "share");
}

/**
 * The block volumes, in the order in which a runtime numbers their disks: each once, in however many places.
 */
export function disksOf(mounts: readonly HostMount[]): HostDisk[] {
  const disks = new Map<string, HostDisk>();
  for (const mount of mounts) {
    if (mount.type === "disk" && !disks.has(mount.source)) disks.set(mount.source, mount);
  }
  return [...disks.values()];
}

/**
 * Turns mounts into what the agent mounts; `shareOf` tells how the guest finds a share, by its place among
 * them, and `deviceOf` a disk. Outer targets come first.
 */
export function guestMounts(
  mounts: readonly HostMount[],
  shareOf: (
    share: HostShare,
    index: number,
  ) => { kind: "virtiofs" | "bind"; source: string; place?: string; subpath?: string },
  deviceOf: (disk: HostDisk, index: number) => string,
): GuestMount[] {
  const shares = sharesOf(mounts).map(
    (share, index): GuestMount => ({ ...placeOf(share), ...shareOf(share, index) }),
  );
  const devices = new Map(disksOf(mounts).map((disk, index) => [disk.source, deviceOf(disk, index)]));
  const disks = mounts.flatMap((mount): GuestMount[] => {
    const source = mount.type === "disk" ? devices.get(mount.source) : undefined;
    return mount.type === "disk" && source !== undefined ? [{ kind: "disk", source, ...placeOf(mount) }] : [];
  });
  const inMemory = mounts.flatMap((mount): GuestMount[] => {
    if (mount.type !== "tmpfs") return [];
    const { target, readOnly, sizeBytes = 0, options } = mount;
    const place = { target: canonicalTarget(target), readOnly };
    return [{ kind: "tmpfs", ...place, sizeBytes, ...(options === undefined ? {} : { options }) }];
  });
  return [...shares, ...disks, ...inMemory].sort(
    (a, b) => a.target.split("/").length - b.target.split("/").length,
  );
}

function placeOf({ target, readOnly, subpath, fill = false, clear = false }: HostShare | HostDisk): {
  target: string;
  readOnly: boolean;
  subpath?: string;
  fill?: boolean;
  clear?: boolean;
} {
  return {
    target: canonicalTarget(target),
    readOnly,
    ...(subpath === undefined ? {} : { subpath }),
    ...(fill ? { fill } : {}),
    ...(clear ? { clear } : {}),
  };
}
