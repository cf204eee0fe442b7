import { readdirSync } from "node:fs";
import { join } from "node:path";
import { rootDir } from "../test/support/paths.ts";

/** Others' sources, products of builds, inputs of fuzz targets. */
export const notOurs = /^(third_party|node_modules|build|target|corpus)$/;

/**
 * Our files below directories of the checkout whose names end in one of `endings`; paths from the checkout.
 */
export function sourceFiles(directories: string[], endings: string[]): string[] {
  return directories.flatMap((directory) =>
    readdirSync(join(rootDir(), directory), { withFileTypes: true }).flatMap((entry) => {
      const path = `${directory}/${entry.name}`;
      if (entry.isDirectory()) return notOurs.test(entry.name) ? [] : sourceFiles([path], endings);
      return endings.some((ending) => entry.name.endsWith(ending)) ? [path] : [];
    }),
  );
}

/** All files that have comments of ours. */
export function commentedFiles(): string[] {
  return sourceFiles(
    ["engine", "extension", "native", "test", "scripts"],
    [".ts", ".mjs", ".cc", ".c", ".h", ".rs"],
  );
}
