import { statfsSync } from "node:fs";
import type { Digest } from "../../../docker/digest.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { ContentStore } from "./content-store.ts";

/**
 * Translates errors of a full disk or quota to NO_SPACE in the user's words; others are returned as they are.
 */
export function translateNoSpace(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT"
    ? new MockerError("NO_SPACE", "no space left on device: the disk that holds the images is full", {
        hint: "Make room, for instance with: mocker image prune (or mocker rm, mocker rmi).",
        cause: error,
      })
    : error;
}

/** The same, and errors of a disk that cannot be written at all. */
export function translateDiskError(error: unknown): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code !== "EROFS") return translateNoSpace(error);
  return new MockerError("READ_ONLY", `read-only file system: ${path ?? "the disk of Mocker's data"}`, {
    hint: "Mount it for writing, or set MOCKER_DATA_DIR to another directory.",
    cause: error,
  });
}

/**
 * Adds to errors of a full disk how much the missing layers need at least and how much is free; others are
 * returned as they are.
 */
export function withSpaceNeeded(
  error: unknown,
  store: ContentStore,
  name: string,
  layers: readonly Descriptor[],
  diffIds: readonly Digest[],
): unknown {
  const known = translateNoSpace(error);
  if (!(known instanceof MockerError) || known.code !== "NO_SPACE") return error;
  let needed = 0;
  for (const [number, layer] of layers.entries()) {
    if (!store.hasBlob(layer)) needed += layer.size - store.partialBytes(layer.digest);
    // The layer's contents are larger than its compressed blob.
    if (!store.hasLayer(diffIds[number] ?? "")) needed += layer.size;
  }
  let free: number | undefined;
  try {
    const { bavail, bsize } = statfsSync(store.dir);
    free = bavail * bsize;
  } catch {
    // The message leaves the free space out.
  }
  return new MockerError(
    "NO_SPACE",
    `failed to register layer: write ${store.dir}: no space left on device: ${name} needs at least ${megabytes(needed)} more${free === undefined ? "" : `, ${megabytes(free)} are free`}`,
    {
      hint: "Make room, for instance with: mocker image prune (or mocker rm, mocker rmi). Then pull again: finished layers are kept.",
      details: { neededBytes: needed, ...(free === undefined ? {} : { freeBytes: free }) },
      cause: known,
    },
  );
}

function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
