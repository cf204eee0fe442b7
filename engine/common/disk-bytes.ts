import { lstatSync, readdirSync, type Stats } from "node:fs";
import { LongPaths } from "./long-paths.ts";

const blockBytes = 512;
/** Entries looked at in a row: some milliseconds. */
const sliceEntries = 500;

/**
 * Disk usage of a file, or of a directory with all in it, in bytes: blocks, as du(1) counts them, hard links
 * once. Missing and unreadable entries count nothing.
 */
export async function diskBytes(path: string): Promise<number> {
  let bytes = 0;
  let entries = 0;
  const seen = new Set<string>();
  const paths = new LongPaths();
  const pending = [Buffer.from(path).toString("latin1")];
  try {
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (++entries % sliceEntries === 0) await new Promise(setImmediate);
      const stat = look(paths, next);
      if (!stat) continue;
      if (stat.isDirectory()) for (const name of list(paths, next)) pending.push(`${next}/${name}`);
      else if (stat.nlink > 1) {
        const inode = `${stat.dev}:${stat.ino}`;
        if (seen.has(inode)) continue;
        seen.add(inode);
      }
      bytes += stat.blocks * blockBytes;
    }
  } finally {
    paths.close();
  }
  return bytes;
}

function look(paths: LongPaths, path: string): Stats | undefined {
  try {
    return lstatSync(Buffer.from(paths.reach(path), "latin1"));
  } catch {
    return undefined;
  }
}

function list(paths: LongPaths, directory: string): string[] {
  try {
    return readdirSync(Buffer.from(paths.reach(directory), "latin1"), { encoding: "latin1" });
  } catch {
    return [];
  }
}
