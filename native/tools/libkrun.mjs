// libkrun.so.1: built from the crate in native/libkrun, or, where no Rust toolchain is, the npm package's prebuilt one.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, hashFiles, install } from "./files.mjs";
import { cacheDir, nativeDir, outDir, rootDir } from "./paths.mjs";
import { BuildError, has, run } from "./run.mjs";

const crateDir = join(nativeDir, "libkrun");
const prebuilt = { x64: "@earendil-works/gondolin-krun-runner-linux-x64", arm64: undefined };

/** Puts libkrun.so.1 into dist/native. @returns {{ version: string }} */
export function provideLibkrun() {
  if (has("cargo")) return fromCrate();
  const name = prebuilt[/** @type {"x64" | "arm64"} */ (process.arch)];
  const dir = name && join(rootDir, "node_modules", name);
  if (dir && existsSync(dir)) {
    const file = filesBelow(dir).find((path) => /\/libkrun\.so\.\d+\.\d+\.\d+$/.test(path));
    if (file) {
      install(file, join(outDir, "libkrun.so.1"), 0o755);
      return { version: file.replace(/^.*\.so\./, "") };
    }
  }
  throw new BuildError(
    "libkrun cannot be built: there is no Rust toolchain (cargo).\n" +
      "Install one (https://rustup.rs), then run the build again" +
      (name ? `;\nor use a prebuilt, older libkrun: npm install --no-save ${name}` : "") +
      ".\nWithout a bundled libkrun, Mocker uses the system's: build with --no-libkrun for that.",
  );
}

function fromCrate() {
  const lock = readFileSync(join(crateDir, "Cargo.lock"), "utf8");
  const version = /name = "libkrun"\nversion = "([^"]+)"/.exec(lock)?.[1];
  if (!version) throw new BuildError("native/libkrun/Cargo.lock does not pin libkrun");

  const compiler = run("rustc", ["-vV"]);
  const key = hashFiles(filesBelow(crateDir, ["target"]), [compiler]).slice(0, 32);
  const cached = join(cacheDir, `libkrun-${version}-${key}`, "libkrun.so");
  if (!existsSync(cached)) {
    console.log(`native: building libkrun ${version} (once per toolchain; cached in ${cacheDir})`);
    mkdirSync(cacheDir, { recursive: true });
    const work = mkdtempSync(join(cacheDir, "building-"));
    try {
      run("cargo", ["build", "--release", "--locked", "--manifest-path", join(crateDir, "Cargo.toml")], {
        show: true,
        env: { ...process.env, CARGO_TARGET_DIR: work },
      });
      const done = join(work, "done");
      mkdirSync(done);
      renameSync(join(work, "release", "libkrun.so"), join(done, "libkrun.so"));
      const target = join(cacheDir, `libkrun-${version}-${key}`);
      try {
        renameSync(done, target);
      } catch (error) {
        // Somebody else built the same at the same time: theirs is as good.
        if (!existsSync(cached)) throw error;
      }
      forgetOthers(`libkrun-${version}-${key}`);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  install(cached, join(outDir, "libkrun.so.1"), 0o755);
  return { version };
}

/** Keeps the cache from growing with every change of toolchain or crate: the three newest stay. */
function forgetOthers(/** @type {string} */ current) {
  const others = readdirSync(cacheDir).filter((name) => name.startsWith("libkrun-") && name !== current);
  const byAge = others.sort();
  for (const name of byAge.slice(0, Math.max(0, byAge.length - 2))) {
    rmSync(join(cacheDir, name), { recursive: true, force: true });
  }
}
