import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where this process is in the hierarchy of cgroup v2, as paths that it can open. */
export interface OwnCgroup {
  directory: string;
  /** The uppermost directory that it sees. */
  top: string;
  /** The top is the system's, not a part of it that a container has. */
  isWhole: boolean;
}

/**
 * Reads it from cgroups(7)'s `cgroup` and proc(5)'s `mountinfo`.
 * @param proc of this process
 * @returns undefined where cgroup v2 is not mounted
 */
export function ownCgroup(proc = "/proc/self"): OwnCgroup | undefined {
  const own = /^0::(\/.*)$/m.exec(readFileSync(join(proc, "cgroup"), "utf8"))?.[1];
  if (own === undefined) return undefined;
  for (const line of readFileSync(join(proc, "mountinfo"), "utf8").split("\n")) {
    // 36 35 0:30 /root /mount/point rw,… shared:1 - cgroup2 source rw
    const [, , , root = "", mountPoint = "", ...rest] = line.split(" ");
    if (rest[rest.indexOf("-") + 1] !== "cgroup2") continue;
    const inside =
      root === "/" ? own : own.startsWith(`${root}/`) || own === root ? own.slice(root.length) : undefined;
    if (inside === undefined) continue;
    // Only the system's own root has no type.
    return {
      directory: join(mountPoint, inside),
      top: mountPoint,
      isWhole: !existsSync(join(mountPoint, "cgroup.type")),
    };
  }
  return undefined;
}
