/** Docker's rules for what `cp` copies of this machine (moby, pkg/archive/copy.go). */
import { type BigIntStats, lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { copiedName } from "../../docker/copied-name.ts";
import { CommandFailure } from "../command.ts";

export interface LocalSource {
  /** What it is called in the archive: `.` for what is in a directory. */
  name: string;
  /** Where it is: absolute. */
  path: string;
  stat: BigIntStats;
}

/** Throws CommandFailure, worded as Go does, where there is nothing. */
export function copySource(cwd: string, text: string, followLink: boolean): LocalSource {
  const path = resolve(cwd, text);
  const asksForDirectory = text.endsWith("/") || basename(text) === ".";
  try {
    const real =
      followLink || asksForDirectory ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
    const stat = lstatSync(real, { bigint: true });
    if (asksForDirectory && !stat.isDirectory()) throw new CommandFailure(`lstat ${path}/: not a directory`);
    return { name: copiedName(basename(text) === "." ? `${path}/.` : path), path: real, stat };
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    const reason = /^E[A-Z0-9]+: ([^,]+)/.exec((error as Error).message)?.[1] ?? (error as Error).message;
    throw new CommandFailure(`lstat ${path}: ${reason}`);
  }
}
