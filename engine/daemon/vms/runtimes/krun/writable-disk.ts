import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { syncDirectory } from "../../../../common/atomic-file.ts";
import { createExt4Image } from "../../../../common/ext4-image.ts";
import { createDataDisk } from "./data-disk.ts";

/**
 * Makes a VM's writable disk unless it is there: a VM keeps its files from start to start. Whole or not at
 * all. `sizeBytes`: by default the template's.
 */
export async function ensureWritableDisk(path: string, sizeBytes?: number): Promise<void> {
  if (existsSync(path)) return;
  const temporary = `${path}.tmp`;
  await rm(temporary, { force: true });
  if (sizeBytes === undefined) createDataDisk(temporary);
  else createExt4Image(temporary, sizeBytes);
  await rename(temporary, path);
  syncDirectory(dirname(path));
}

/**
 * Copies the disk of a VM that does not run, if it has one: what it has, not its holes, and nothing where the
 * file system can share it.
 */
export async function copyWritableDisk(from: string, to: string): Promise<void> {
  if (!existsSync(from)) return;
  await promisify(execFile)("cp", ["--reflink=auto", "--sparse=always", "--", from, to]);
}
