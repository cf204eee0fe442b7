import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

const blockBytes = 512;
/** Entries looked at in a row: some milliseconds. */
const sliceEntries = 500;

/**
 * What a file, or a folder with all in it, takes of the disk, in bytes: blocks, as du(1) counts them, hard links once. What is not
 * there, or may not be read, counts nothing.
 */
export async function diskBytes(path: string): Promise<number> {
  let bytes = 0;
  let entries = 0;
  const seen = new Set<string>();
  const pending = [path];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (++entries % sliceEntries === 0) await new Promise(setImmediate);
    const stat = lstatSync(next, { throwIfNoEntry: false });
    if (!stat) continue;
    if (stat.isDirectory()) for (const { name } of list(next)) pending.push(join(next, name));
    else if (stat.nlink > 1) {
      const inode = `${stat.dev}:${stat.ino}`;
      if (seen.has(inode)) continue;
      seen.add(inode);
    }
    bytes += stat.blocks * blockBytes;
  }
  return bytes;
}

function list(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
