import { chmod, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import * as native from "../../../../native/index.ts";

/**
 * Removes a file or directory, also one with directories that their owner may not enter, or deeper than a
 * path can say.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENAMETOOLONG") {
      await native.removeTree(path);
      return;
    }
    if (code !== "EACCES") throw error;
    const pending = [path];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      await chmod(next, 0o700);
      for (const entry of await readdir(next, { withFileTypes: true }))
        if (entry.isDirectory()) pending.push(join(next, entry.name));
    }
    await rm(path, { recursive: true, force: true });
  }
}
