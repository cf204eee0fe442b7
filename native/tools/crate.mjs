// Building a Rust crate of this directory, once per toolchain: the result is kept in the shared cache.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, hashFiles } from "./files.mjs";
import { cacheDir } from "./paths.mjs";
import { run } from "./run.mjs";
import { rustEnvironment } from "./rust.mjs";

/**
 * Builds `dir`'s library, unless that was done before.
 * @param {object} crate
 * @param {string} crate.dir
 * @param {string} crate.name for people, as `version` is
 * @param {string} crate.version
 * @param {string} crate.product the file that cargo makes
 * @param {string} [crate.target] cargo's --target
 * @param {Record<string, string>} [crate.env] cargo's environment, besides this process's
 * @returns {string} the file
 */
export function buildCrate({ dir, name, version, product, target: triple, env = {} }) {
  const rust = rustEnvironment(name);
  const options = triple === undefined ? [] : ["--target", triple];
  const texts = [run("rustc", ["-vV"], { env: rust }), ...options, ...Object.entries(env).flat()];
  const key = hashFiles(filesBelow(dir, ["target"]), texts).slice(0, 32);
  const target = join(cacheDir, `${name}-${version}-${key}`);
  const cached = join(target, product);
  if (existsSync(cached)) return cached;
  console.error(`native: building ${name} ${version} (once per toolchain; cached in ${cacheDir})`);
  mkdirSync(cacheDir, { recursive: true });
  const work = mkdtempSync(join(cacheDir, "building-"));
  try {
    const manifest = join(dir, "Cargo.toml");
    run("cargo", ["build", "--release", "--locked", "--manifest-path", manifest, ...options], {
      show: true,
      env: { ...rust, ...env, CARGO_TARGET_DIR: work },
    });
    const done = join(work, "done");
    mkdirSync(done);
    renameSync(join(work, triple ?? "", "release", product), join(done, product));
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
