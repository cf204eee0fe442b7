import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { keepCached } from "../support/cache.ts";
import { cacheDir, rootDir } from "../support/paths.ts";

const run = promisify(execFile);

/**
 * The path of the file that a compiler makes of `args` and its own `-o`, kept between runs under the hash of
 * all that goes into it: with the sanitizers, making it takes a minute.
 * @param inputs every file that is read: sources, headers and libraries
 */
export async function compiled(
  name: string,
  compiler: string,
  args: string[],
  inputs: string[],
): Promise<string> {
  const hash = createHash("sha256");
  // Not where this checkout is.
  const words = args.map((word) => word.replaceAll(rootDir(), ""));
  hash.update(JSON.stringify([words, (await run(compiler, ["--version"])).stdout]));
  for (const path of [...inputs].sort()) {
    hash.update(`\0${relative(rootDir(), path)}\0`).update(readFileSync(path));
  }
  const directory = join(cacheDir(), `${name}-${hash.digest("hex").slice(0, 32)}`);
  const product = join(directory, name);
  if (!existsSync(product)) {
    mkdirSync(cacheDir(), { recursive: true });
    const work = mkdtempSync(join(cacheDir(), "compiling-"));
    try {
      await run(compiler, [...args, "-o", join(work, name)]);
      renameSync(work, directory);
    } catch (error) {
      rmSync(work, { recursive: true, force: true });
      // Another run may have made the same at the same time.
      if (!existsSync(product)) throw error;
    }
  }
  keepCached(directory);
  return product;
}
