import { mkdirSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a directory, and those above it that are missing, unless it is there. Node's own recursive mkdir says
 * that something is missing (ENOENT) where the disk is full or read-only.
 * @throws the error of the system call
 */
export function makeDirectory(path: string, mode = 0o700): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") {
      // A file in its place is no directory, and says so.
      mkdirSync(path, { recursive: true, mode });
      return;
    }
    if (code !== "ENOENT" || dirname(path) === path) throw error;
    makeDirectory(dirname(path), mode);
    makeDirectory(path, mode);
  }
}
