import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

let counter = 0;

/** A name for a temporary file that nobody else in this process uses. */
export function temporaryName(base: string): string {
  counter++;
  return `${base}.${process.pid}-${counter}.tmp`;
}

/** Makes a rename or removal in `directory` durable. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * How much survives a crash of the machine: the file with its name, its contents if the name does, nothing.
 */
type Durability = "file" | "contents" | "nothing";

/**
 * Replaces or makes `path` so that a crash leaves the old contents or the new ones, never a part of them.
 * With the durability "nothing" that holds for a crash of this process only, see deferred-sync.ts.
 */
export function writeFileAtomic(
  path: string,
  contents: string | Uint8Array,
  temporaryDirectory = dirname(path),
  durability: Durability = "file",
): void {
  const bytes = typeof contents === "string" ? Buffer.from(contents) : contents;
  const temporary = join(temporaryDirectory, temporaryName("file"));
  try {
    const fd = openSync(temporary, "wx", 0o600);
    try {
      for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at);
      if (durability !== "nothing") fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (durability === "file") syncDirectory(dirname(path));
}
