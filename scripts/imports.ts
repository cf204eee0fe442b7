import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rootDir } from "../test/support/paths.ts";
import { sourceFiles } from "./sources.ts";

/** One import of one file: static, of types only, or dynamic. Paths are relative to the checkout. */
export interface Import {
  from: string;
  to: string;
}

/** Every import in the TypeScript sources below `directories`: of our own files, or of packages. */
export function importsOf(directories: string[], what: "files" | "packages" = "files"): Import[] {
  const root = rootDir();
  const imports: Import[] = [];
  for (const from of sourceFiles(directories, [".ts"])) {
    const text = readFileSync(join(root, from), "utf8");
    for (const [, specifier = ""] of text.matchAll(/\b(?:from|import)\s*\(?\s*"([^"\n]+)"/g)) {
      const isFile = specifier.startsWith(".");
      if (isFile !== (what === "files")) continue;
      imports.push({ from, to: isFile ? join(dirname(from), specifier) : specifier });
    }
  }
  return imports;
}

/**
 * The longest of `rooms` (directories, or files without ".ts") that `path` lies in; its first directory if
 * none.
 */
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

/**
 * Files that import each other in a circle: one sorted list for each strongly connected component (Tarjan).
 */
export function circles(imports: Import[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { from, to } of imports) targets.set(from, [...(targets.get(from) ?? []), to]);
  const order = new Map<string, number>();
  const path: string[] = [];
  const found: string[][] = [];
  /** Returns the lowest number of a file on the path that `file` leads back to. */
  const visit = (file: string): number => {
    const own = order.size;
    order.set(file, own);
    path.push(file);
    let lowest = own;
    for (const target of targets.get(file) ?? []) {
      const seen = order.get(target);
      if (seen === undefined) lowest = Math.min(lowest, visit(target));
      else if (path.includes(target)) lowest = Math.min(lowest, seen);
    }
    if (lowest === own) {
      const component = path.splice(path.indexOf(file));
      if (component.length > 1) found.push(component.sort());
    }
    return lowest;
  };
  for (const file of targets.keys()) if (!order.has(file)) visit(file);
  return found;
}
