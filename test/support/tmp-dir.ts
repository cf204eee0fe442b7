import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterFile } from "./after-file.ts";

const made: string[] = [];

/** A new directory that the caller removes. Its path is short: sockets in it must fit into 107 bytes. */
export function shortTmpDir(): string {
  return mkdtempSync(join(tmpdir(), "mk-"));
}

/** A new directory that is removed after the test file. */
export function tmpDir(): string {
  const directory = shortTmpDir();
  made.push(directory);
  return directory;
}

/** Removes a directory with whatever a VM's file system left in it. */
export function removeTree(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch {
    // Directories without permissions (overlayfs makes some), or files of mapped users.
    const script = 'chmod -R u+rwx "$1"; rm -rf "$1"';
    spawnSync("sh", ["-c", script, "sh", directory], { stdio: "ignore" });
    spawnSync("unshare", ["--map-root-user", "--map-auto", "rm", "-rf", directory], { stdio: "ignore" });
  }
}

afterFile(() => {
  for (const directory of made) removeTree(directory);
});
