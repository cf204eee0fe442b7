// Building a Rust crate of this folder, once per toolchain: the result is kept in the shared cache.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, hashFiles } from "./files.mjs";
import { cacheDir } from "./paths.mjs";
import { BuildError, has, run } from "./run.mjs";

/**
 * Builds `dir`'s library, unless that was done before.
 * @param {{ dir: string, name: string, version: string, product: string }} crate `name` and `version` are for people; `product` is the
 * file that cargo makes
 * @returns {string} the file
 */
export function buildCrate({ dir, name, version, product }) {
  if (!has("cargo")) {
    throw new BuildError(
      `${name} cannot be built: there is no Rust toolchain (cargo).\n` +
        "Install one (https://rustup.rs), then run the build again.",
    );
  }
  const key = hashFiles(filesBelow(dir, ["target"]), [run("rustc", ["-vV"])]).slice(0, 32);
  const target = join(cacheDir, `${name}-${version}-${key}`);
  const cached = join(target, product);
  if (existsSync(cached)) return cached;
  console.log(`native: building ${name} ${version} (once per toolchain; cached in ${cacheDir})`);
  mkdirSync(cacheDir, { recursive: true });
  const work = mkdtempSync(join(cacheDir, "building-"));
  try {
    run("cargo", ["build", "--release", "--locked", "--manifest-path", join(dir, "Cargo.toml")], {
      show: true,
      env: { ...process.env, CARGO_TARGET_DIR: work },
    });
    const done = join(work, "done");
    mkdirSync(done);
    renameSync(join(work, "release", product), join(done, product));
    try {
      renameSync(done, target);
    } catch (error) {
      // Somebody else built the same at the same time: theirs is as good.
      if (!existsSync(cached)) throw error;
    }
    forgetOthers(name, `${name}-${version}-${key}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return cached;
}

/** Keeps the cache from growing with every change of toolchain or crate: the three newest stay. */
function forgetOthers(/** @type {string} */ name, /** @type {string} */ current) {
  const others = readdirSync(cacheDir).filter(
    (other) => other.startsWith(`${name}-`) && /^\d/.test(other.slice(name.length + 1)) && other !== current,
  );
  for (const other of others.sort().slice(0, Math.max(0, others.length - 2)))
    rmSync(join(cacheDir, other), { recursive: true, force: true });
}
