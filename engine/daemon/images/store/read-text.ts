import { readFileSync } from "node:fs";

/** What a text file says; undefined if it is not there or cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
