// Where the native build reads and writes.

import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const nativeDir = dirname(dirname(fileURLToPath(import.meta.url)));
export const rootDir = dirname(nativeDir);
export const outDir = join(rootDir, "dist", "native");

/**
 * Results that are slow to make and do not depend on this checkout: shared by all checkouts, safe to delete.
 */
export const cacheDir =
  process.env.MOCKER_CACHE_DIR ||
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "mocker-build");
