import { readFile } from "node:fs/promises";
import { MockerError } from "../protocol/errors.ts";
import { writeFileAtomic } from "./atomic-file.ts";
import { withDescriptors } from "./descriptors.ts";

interface Versioned {
  version: number;
}

/**
 * Reads a versioned JSON record. `undefined` when the file is absent; STATE_CORRUPT when it is not JSON, is
 * not an object or comes from a newer Mocker; INTERNAL when there are no descriptors to open it (see
 * {@link withDescriptors}), which says nothing of the record.
 */
export async function readJsonFile<T extends Versioned>(
  path: string,
  newestVersion: number,
): Promise<T | undefined> {
  let text: string;
  try {
    text = await withDescriptors(path, () => readFile(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MockerError("STATE_CORRUPT", `${path} is not valid JSON`, {
      hint: "Restore the file from a backup.",
      cause: error,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MockerError("STATE_CORRUPT", `${path} is not a JSON object`);
  }
  const version = (value as Partial<Versioned>).version;
  if (typeof version !== "number") throw new MockerError("STATE_CORRUPT", `${path} carries no version`);
  if (version > newestVersion) {
    throw new MockerError("STATE_CORRUPT", `${path} was written by a newer Mocker (version ${version})`, {
      hint: "Update Mocker.",
    });
  }
  return value as T;
}

export function writeJsonFile(path: string, value: Versioned): void {
  writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}
