import { readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const keptMs = 14 * 24 * 3600 * 1000;

/**
 * Notes that a directory of the cache, `NAME-KEY`, is in use; removes others of that name that nobody used
 * for two weeks.
 */
export function keepCached(directory: string): void {
  const parent = dirname(directory);
  const name = basename(directory).replace(/-[0-9a-f]+$/, "-");
  try {
    const now = new Date();
    utimesSync(directory, now, now);
    for (const other of readdirSync(parent)) {
      const path = join(parent, other);
      if (!other.startsWith(name) || path === directory) continue;
      if (Date.now() - statSync(path).mtimeMs > keptMs) rmSync(path, { recursive: true, force: true });
    }
  } catch {
    // Another user's cache, or somebody else is clearing it.
  }
}
