import { execFile } from "node:child_process";
import { constants, copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryName } from "../../../common/atomic-file.ts";
import { MockerError } from "../../../protocol/errors.ts";

/** Whether copies of files in a directory share their blocks (ioctl_ficlone(2)) until one is written to. */
export function sharesBlocks(directory: string): boolean {
  const probe = join(directory, temporaryName(".probe"));
  try {
    writeFileSync(probe, "x");
    copyFileSync(probe, `${probe}.copy`, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(probe, { force: true });
    rmSync(`${probe}.copy`, { force: true });
  }
}

/**
 * Copies a file, or a directory with all that is in it, to a name that is not there yet; leaves a part of it
 * when it fails. Throws Error with what cp says.
 */
export type CopyTree = (from: string, to: string, signal?: AbortSignal) => Promise<void>;

/** The same. @throws MockerError NO_SPACE; the reason of `signal` */
export async function copyFiles(
  copyTree: CopyTree,
  from: string,
  to: string,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await copyTree(from, to, signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw asSpaceError(error);
  }
}

/** Makes all that was written to a path's file system durable. */
export async function syncFileSystem(path: string): Promise<void> {
  await promisify(execFile)("sync", ["--file-system", "--", path]);
}

function asSpaceError(error: unknown): unknown {
  if (!(error instanceof Error) || !/No space left on device|Disk quota exceeded/.test(error.message))
    return error;
  return new MockerError("NO_SPACE", "no space left on device", {
    hint: "Make room, for instance with: mocker image prune (or mocker checkpoint rm, mocker rm).",
    cause: error,
  });
}
