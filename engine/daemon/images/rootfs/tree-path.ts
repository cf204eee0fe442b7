import { kind } from "../layers/layer-index.ts";
import type { Inode } from "./tree.ts";

/** Symbolic links that Linux follows before it says ELOOP. */
const maximumSymlinks = 40;

/** Why a path leads to nothing, as Linux calls it. */
export class PathError extends Error {
  readonly code: "ENOENT" | "ENOTDIR" | "ELOOP";

  constructor(code: PathError["code"]) {
    super(code);
    this.code = code;
  }
}

/**
 * Finds the inode of an absolute path (a binary string) below an image's root directory. Links on the way are
 * followed inside of the tree, the last part only with `followLast` or a slash behind it. @throws PathError
 */
export function lookUp(root: Inode, path: string, followLast: boolean): Inode {
  const pending = path.split("/").reverse();
  const walked: Inode[] = [root];
  let symlinks = 0;
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    const here = walked.at(-1);
    if (here?.children === undefined) throw new PathError("ENOTDIR");
    if (part === "" || part === ".") continue;
    if (part === "..") {
      // The root's parent is the root, also for a link that tries to leave the image.
      if (walked.length > 1) walked.pop();
      continue;
    }
    const next = here.children.get(part);
    if (next === undefined) throw new PathError("ENOENT");
    if (next.kind !== kind.symlink || (pending.length === 0 && !followLast)) {
      walked.push(next);
      continue;
    }
    if (++symlinks > maximumSymlinks) throw new PathError("ELOOP");
    if (next.link.startsWith("/")) walked.length = 1;
    pending.push(...next.link.split("/").reverse());
  }
  return walked.at(-1) ?? root;
}
