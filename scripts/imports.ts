import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { rootDir } from "../test/support/paths.ts";

/** One import of one file: static, of types only, or dynamic. Paths are relative to the checkout. */
export interface Import {
  from: string;
  to: string;
}

const skipped = new Set(["node_modules", "third_party", "build", "target"]);

function* typescriptFiles(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (!skipped.has(entry.name)) yield* typescriptFiles(path);
    } else if (entry.name.endsWith(".ts")) yield path;
  }
}

/** Every import in the TypeScript sources below `directories`: of our own files, or of packages. */
export function importsOf(directories: string[], what: "files" | "packages" = "files"): Import[] {
  const root = rootDir();
  const imports: Import[] = [];
  for (const directory of directories) {
    for (const path of typescriptFiles(join(root, directory))) {
      const from = relative(root, path);
      const text = readFileSync(path, "utf8");
      for (const [, specifier = ""] of text.matchAll(/\b(?:from|import)\s*\(?\s*"([^"\n]+)"/g)) {
        const isFile = specifier.startsWith(".");
        if (isFile !== (what === "files")) continue;
        imports.push({ from, to: isFile ? relative(root, resolve(dirname(path), specifier)) : specifier });
      }
    }
  }
  return imports;
}

/** The longest of `rooms` (directories, or files without ".ts") that `path` lies in; its first directory if none. */
export function roomOf(path: string, rooms: string[]): string {
  const holding = rooms.filter((room) => path.startsWith(`${room}/`) || path === `${room}.ts`);
  return holding.sort((a, b) => b.length - a.length)[0] ?? (path.split("/")[0] as string);
}

/** All files that `entries` import, directly or through others; themselves included. */
export function reachableFrom(entries: string[], imports: Import[]): string[] {
  const reached = new Set(entries);
  for (const file of reached) {
    for (const { from, to } of imports) if (from === file) reached.add(to);
  }
  return [...reached].sort();
}
