// The programs that the native build runs: finds out which are missing, and gets them where it may.

import { existsSync } from "node:fs";
import {
  hasPackageLists,
  installPackages,
  newestCargo,
  rustcPolicy,
  updatePackageLists,
  usesApt,
} from "./apt.mjs";
import { thisDistribution } from "./distribution.mjs";
import { findMke2fs } from "./ext4-template.mjs";
import { BuildError, has, run } from "./run.mjs";
import { findRust, minimumRust } from "./rust.mjs";
import { missingPackages, setupAdvice } from "./setup-advice.mjs";

/** @typedef {import("./distribution.mjs").Tool} Tool */
/** @typedef {import("./setup-advice.mjs").Machine} Machine */

/** Where distributions keep the authorities' certificates, which cargo needs for its downloads. */
const certificates = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/**
 * The cargo of a release, for a machine whose apt has no package lists to look into.
 * @type {Record<string, string>}
 */
const cargoOfRelease = { "debian 12": "cargo-web", "debian 13": "cargo" };

/**
 * Sees to it that the build has its tools. As root on Debian and its like it installs them, else it says how
 * to.
 */
export function provideBuildTools() {
  if (isComplete()) return;
  let complaints = "";
  if (isRoot() && usesApt(thisDistribution())) {
    complaints = updatePackageLists();
    const packages = missingPackages(thisMachine());
    if (packages.length > 0) installPackages(packages, complaints);
    if (isComplete()) return;
  }
  throw new BuildError(`${complaints}\n${setupAdvice(thisMachine())}`.trim());
}

function isComplete() {
  return missingTools().length === 0 && findRust()?.state === "usable";
}

function isRoot() {
  return process.getuid?.() === 0;
}

/** @returns {Machine} */
function thisMachine() {
  const distribution = thisDistribution();
  const isDebian = usesApt(distribution);
  const lists = isDebian && hasPackageLists();
  const fromApt = () =>
    lists ? newestCargo(rustcPolicy(), minimumRust) : cargoOfRelease[distribution.release];
  return {
    distribution,
    isRoot: isRoot(),
    missing: missingTools(),
    rust: findRust(),
    cargo: isDebian ? fromApt() : undefined,
    hasPackageLists: lists,
    hasCurl: has("curl"),
  };
}

/** All but Rust. @returns {Tool[]} */
function missingTools() {
  /** @type {Tool[]} */
  const missing = [];
  const compiler = process.env.CXX ?? "g++";
  const hasCompiler = has(compiler, ["-std=c++20", "-fsyntax-only", "-x", "c++", "/dev/null"]);
  if (!hasCompiler && process.env.CXX !== undefined)
    throw new BuildError(
      `CXX is ${compiler}, which does not run as a C++20 compiler: unset it, or name one that does.`,
    );
  if (!hasCompiler) missing.push("compiler");
  // The guest's programs are static: they run in a VM that has no libraries.
  else if (!hasLibrary(compiler, "libc.a")) missing.push("static-libc");
  if (hasCompiler && !hasLibrary(compiler, "libstdc++.a")) missing.push("static-libstdc++");
  if (!has("make")) missing.push("make");
  if (!has("python3")) missing.push("python");
  if (findMke2fs() === undefined) missing.push("mke2fs");
  const own = process.env.CARGO_HTTP_CAINFO ?? process.env.SSL_CERT_FILE;
  if (![own, ...certificates].some((path) => path !== undefined && existsSync(path)))
    missing.push("certificates");
  return missing;
}

function hasLibrary(/** @type {string} */ compiler, /** @type {string} */ library) {
  return run(compiler, [`-print-file-name=${library}`]).startsWith("/");
}
