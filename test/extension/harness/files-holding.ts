import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { relative } from "node:path";

/** Files below a folder whose bytes contain a text: paths from there, and permission bits. */
export function filesHolding(folder: string, text: string): { path: string; mode: number }[] {
  const args = ["-r", "-l", "-a", "-F", "-Z", "-s", "--devices=skip", "-e", text, folder];
  return spawnSync("grep", args, { encoding: "utf8" })
    .stdout.split("\0")
    .filter((path) => path !== "")
    .map((path) => ({ path: relative(folder, path), mode: statSync(path).mode & 0o777 }))
    .sort((a, b) => a.path.localeCompare(b.path));
}
