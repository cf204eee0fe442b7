import { posix } from "node:path";
import { MockerError } from "../protocol/errors.ts";

/** Where `cp` into a container puts what it copies. */
export interface CopyPlace {
  /** Where the archive is to be made into files: it has to be there. */
  directory: string;
  /** What the archive's one thing is to be called there; absent: as it is. */
  rename?: string;
}

/** What is at the destination, with a link at its end followed. */
export interface CopyTarget {
  path: string;
  kind: "directory" | "other" | "missing";
}

/** What is copied; `name` is `.` for what is in a directory. */
export interface CopySource {
  name: string;
  isDirectory: boolean;
}

/** Docker's PrepareArchiveCopy (moby, pkg/archive/copy.go). @throws INVALID_ARGUMENT in Docker's words */
export function copyPlace({ isDirectory }: CopySource, { path, kind }: CopyTarget): CopyPlace {
  if (kind === "directory") return { directory: path };
  if (kind === "other" && isDirectory) throw new MockerError("INVALID_ARGUMENT", "cannot copy directory");
  if (kind === "missing" && !isDirectory && asksForDirectory(path))
    throw new MockerError("INVALID_ARGUMENT", "no such directory");
  const whole = posix.join(path, asksForDirectory(path) && /(^|\/)\.$/.test(path) ? "." : "");
  const clean = whole.length > 1 ? whole.replace(/\/$/, "") : whole;
  return { directory: posix.dirname(clean), rename: posix.basename(clean) };
}

/** Whether a path says that it is a directory. */
export function asksForDirectory(path: string): boolean {
  return path === "" || path.endsWith("/") || posix.basename(path) === ".";
}
