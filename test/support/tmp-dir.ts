import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterFile } from "./after-file.ts";

const made: string[] = [];

/** A new folder that the caller removes. Its path is short: sockets in it must fit into 107 bytes. */
export function shortTmpDir(): string {
  return mkdtempSync(join(tmpdir(), "mk-"));
}

/** A new folder that is removed after the test file. */
export function tmpDir(): string {
  const folder = shortTmpDir();
  made.push(folder);
  return folder;
}

/** Removes a folder with whatever a VM's file system left in it. */
export function removeTree(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Folders without permissions (overlayfs makes some), or files of mapped users.
    const script = 'chmod -R u+rwx "$1"; rm -rf "$1"';
    spawnSync("sh", ["-c", script, "sh", folder], { stdio: "ignore" });
    spawnSync("unshare", ["--map-root-user", "--map-auto", "rm", "-rf", folder], { stdio: "ignore" });
  }
}

afterFile(() => {
  for (const folder of made) removeTree(folder);
});
