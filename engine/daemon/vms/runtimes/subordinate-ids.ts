import { existsSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";

/** Where the native part looks for the helpers (id-mapping.cc). */
const helperDirectories = ["/usr/bin", "/bin", "/usr/local/bin"];

/**
 * Why the users of a guest cannot have users of the host of their own; undefined if they can: for root, and
 * where newuidmap and newgidmap map a range of subordinate ids for the user.
 */
export function missingSubordinateIds(
  { uid, username }: { uid: number; username: string } = userInfo(),
  root = "/",
): string | undefined {
  if (uid === 0) return undefined;
  for (const helper of ["newuidmap", "newgidmap"]) {
    if (!helperDirectories.some((directory) => existsSync(join(root, directory, helper)))) {
      return `${helper} is not installed`;
    }
  }
  for (const path of ["/etc/subuid", "/etc/subgid"]) {
    if (!hasRange(join(root, path), [username, String(uid)])) return `${path} has no range for ${username}`;
  }
  return undefined;
}

function hasRange(path: string, owners: readonly string[]): boolean {
  try {
    return readFileSync(path, "utf8")
      .split("\n")
      .map((line) => line.split(":"))
      .some(([owner = "", start, count]) => owners.includes(owner) && Number(start) > 0 && Number(count) > 0);
  } catch {
    return false;
  }
}
