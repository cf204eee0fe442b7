// Building a Rust crate of this directory, once per toolchain: the result is kept in the shared cache.

import { renameSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, hashFiles } from "./files.mjs";
import { kept } from "./kept.mjs";
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
  const key = hashFiles(filesBelow(dir, ["target"]), texts);
  const what = { cache: cacheDir, name, version, key, files: [product] };
  const directory = kept(what, (done, work) => {
    console.error(`native: building ${name} ${version} (once per toolchain; cached in ${cacheDir})`);
    const manifest = join(dir, "Cargo.toml");
    run("cargo", ["build", "--release", "--locked", "--manifest-path", manifest, ...options], {
      show: true,
      env: { ...rust, ...env, CARGO_TARGET_DIR: work },
    });
    renameSync(join(work, triple ?? "", "release", product), join(done, product));
  });
  return join(directory, product);
}
