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

/** A mount whose source on the host is known, and there. */
export type HostMount = HostShare | (Mount & { type: "tmpfs" });

/** A path in the guest, clean and without a slash at its end. */
export function canonicalTarget(target: string): string {
  return normalize(target).replace(/\/$/, "");
}

/** The mounts that are shares of the host, in the order in which a runtime numbers them. */
export function sharesOf(mounts: readonly HostMount[]): HostShare[] {
  return mounts.filter((mount): mount is HostShare => mount.type === "share");
}

/**
 * Turns mounts into what the agent mounts; `shareOf` tells how the guest finds a share, by its place among
 * them. Outer targets come first.
 */
export function guestMounts(
  mounts: readonly HostMount[],
  shareOf: (
    share: HostShare,
    index: number,
  ) => { kind: "virtiofs" | "bind"; source: string; subpath?: string },
): GuestMount[] {
  const shares = sharesOf(mounts).map((share, index): GuestMount => {
    const { target, readOnly, subpath, fill = false, clear = false } = share;
    return {
      ...shareOf(share, index),
      target: canonicalTarget(target),
      readOnly,
      ...(subpath === undefined ? {} : { subpath }),
      ...(fill ? { fill } : {}),
      ...(clear ? { clear } : {}),
    };
  });
  const inMemory = mounts.flatMap((mount): GuestMount[] => {
    if (mount.type !== "tmpfs") return [];
    const { target, readOnly, sizeBytes = 0, options } = mount;
    const place = { target: canonicalTarget(target), readOnly };
    return [{ kind: "tmpfs", ...place, sizeBytes, ...(options === undefined ? {} : { options }) }];
  });
  return [...shares, ...inMemory].sort((a, b) => a.target.split("/").length - b.target.split("/").length);
}
