/**
 * `npm run wrap-comments [-- PATH…]`: wraps the comments of files whose path begins with one of PATH; of all
 * files.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rootDir } from "../test/support/paths.ts";
import { wideComments, wrapComments } from "./comments.ts";
import { commentedFiles } from "./sources.ts";

const chosen = process.argv.slice(2);
for (const file of commentedFiles()) {
  if (chosen.length > 0 && !chosen.some((path) => file.startsWith(path))) continue;
  const path = join(rootDir(), file);
  const text = readFileSync(path, "utf8");
  const better = wrapComments(text);
  if (better !== text) {
    writeFileSync(path, better);
    process.stdout.write(`${file}\n`);
  }
  for (const line of wideComments(better)) process.stdout.write(`${file}:${line}: wrap this by hand\n`);
}
