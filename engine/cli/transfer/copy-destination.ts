/** Docker's rules for where `cp` puts what it copies (moby/go-archive, copy.go). */
import { lstatSync, readlinkSync, type Stats, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { CommandFailure } from "../command.ts";

const maximumLinks = 10;

export interface CopyDestination {
  /** Absolute, with the slash or dot at its end that the user's has. */
  readonly path: string;
  /** The path that something called `name` gets. Throws CommandFailure in Docker's words. */
  place(first: { name: string; isDirectory: boolean }): string;
}

/** Throws CommandFailure for a destination that nothing can be copied to. */
export function copyDestination(cwd: string, text: string): CopyDestination {
  const path = keepEnd(resolve(cwd, text), text);
  const directory = dirname(resolve(path));
  if (!statSync(directory, { throwIfNoEntry: false }))
    throw new CommandFailure(`invalid output path: directory ${JSON.stringify(directory)} does not exist`);
  const there = look(path, statSync);
  if (there && !there.isDirectory() && !there.isFile())
    throw new CommandFailure(
      `invalid output path: ${JSON.stringify(path)} must be a directory or a regular file`,
    );
  return {
    path,
    place({ name, isDirectory }) {
      const { target, stat } = follow(path);
      if (stat?.isDirectory()) return name === "." ? target : join(target, name);
      if (stat && isDirectory) throw new CommandFailure("cannot copy directory");
      if (!stat && !isDirectory && /(^|\/)\.?$/.test(target)) throw new CommandFailure("no such directory");
      return resolve(target);
    },
  };
}

/** Where a link as the destination leads, whether something is there or not. */
function follow(path: string): { target: string; stat: Stats | undefined } {
  let target = path;
  for (let links = 0; ; links++) {
    const stat = look(target);
    if (!stat?.isSymbolicLink()) {
      if (!stat && look(dirname(resolve(target)), statSync)?.isDirectory() !== true)
        throw new CommandFailure("not a directory");
      return { target, stat };
    }
    if (links > maximumLinks) throw new CommandFailure(`too many symlinks in ${path}`);
    const link = readlinkSync(target.replace(/\/+$/, ""));
    target = isAbsolute(link) ? link : keepEnd(join(dirname(target), link), link);
  }
}

function look(path: string, how: typeof lstatSync | typeof statSync = lstatSync): Stats | undefined {
  try {
    return how(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") throw new CommandFailure("not a directory");
    throw new CommandFailure((error as Error).message);
  }
}

/** A path that says that it is a directory goes on to say so. */
function keepEnd(path: string, original: string): string {
  if (basename(original) === "." && !path.endsWith("/")) return `${path}/.`;
  return original.endsWith("/") && !path.endsWith("/") ? `${path}/` : path;
}
