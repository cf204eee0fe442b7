import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as native from "../../../../../native/index.ts";
import { MockerError } from "../../../../protocol/errors.ts";

export interface KrunLibrary extends native.LibkrunInfo {
  /** Version of the guest kernel, where it is the bundled one. */
  kernelVersion: string | null;
}

let found: KrunLibrary | undefined;

/**
 * The libkrun that VMs use. A library that was found is remembered: loading it takes time.
 * Throws LIBKRUN_UNAVAILABLE.
 */
export function krunLibrary(): KrunLibrary {
  if (found && existsSync(found.path)) return found;
  const info = native.libkrun();
  found = { ...info, kernelVersion: bundledKernelVersion(info.kernelPath) };
  return found;
}

/** Same as {@link krunLibrary}, with the failure as a value. */
export function findKrunLibrary(): KrunLibrary | MockerError {
  try {
    return krunLibrary();
  } catch (error) {
    if (error instanceof MockerError) return error;
    throw error;
  }
}

function bundledKernelVersion(kernelPath: string): string | null {
  if (!kernelPath.startsWith(native.nativeDir())) return null;
  try {
    const versions: unknown = JSON.parse(readFileSync(join(native.nativeDir(), "versions.json"), "utf8"));
    const kernel = (versions as { kernel?: unknown } | null)?.kernel;
    return typeof kernel === "string" ? kernel : null;
  } catch {
    return null;
  }
}
