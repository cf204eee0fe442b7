// Debian's and Ubuntu's packages: which Rust they have, and installing them.

import { spawnSync } from "node:child_process";
import { BuildError, has } from "./run.mjs";
import { isAtLeast } from "./version.mjs";

const minute = 60_000;

/** The last lines of what apt-get printed: the reason stands there. */
const shownLines = 15;

/**
 * The package of the newest cargo among those that `apt-cache policy` tells of, if its Rust is new enough.
 * Debian and Ubuntu keep newer ones beside the release's own: `cargo-web`, `cargo-1.85`. The compiler's
 * packages are compared, for cargo's own have another version (cargo 0.66 belongs to Rust 1.65).
 * @param {string} policy of the packages of rustc
 * @param {string} minimum
 * @returns {string | undefined}
 */
export function newestCargo(policy, minimum) {
  /** @type {{ name: string, version: string } | undefined} */
  let newest;
  for (const [, name = "", version = ""] of policy.matchAll(
    /^(\S+):\n(?: .*\n)*? {2}Candidate: (\d[\d.]*)/gm,
  )) {
    if (isAtLeast(version, minimum) && (newest === undefined || !isAtLeast(newest.version, version)))
      newest = { name: name.replace("rustc", "cargo"), version };
  }
  return newest?.name;
}

/** What apt knows of the packages of rustc. Empty where it has no package lists. */
export function rustcPolicy() {
  const names = aptCache(["pkgnames", "rustc"])
    .split("\n")
    .filter((name) => /^rustc(-web|-mozilla|-\d+\.\d+)?$/.test(name));
  return names.length === 0 ? "" : aptCache(["policy", ...names]);
}

/**
 * Whether the distribution's packages are apt's.
 * @param {import("./distribution.mjs").Distribution} distribution
 */
export function usesApt({ family }) {
  return family?.install.startsWith("apt-get ") === true && has("apt-get");
}

/** Whether apt has package lists: a fresh image of Debian has none. */
export function hasPackageLists() {
  return aptCache(["pkgnames", "g++"]) !== "";
}

function aptCache(/** @type {string[]} */ args) {
  const options = /** @type {const} */ ({ encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
  return spawnSync("apt-cache", args, options).stdout ?? "";
}

/**
 * Brings the package lists up to date. Goes on with old ones where a source cannot be reached.
 * @returns {string} apt's complaints
 */
export function updatePackageLists() {
  return aptGet(["update", "-qq"], 5 * minute);
}

/**
 * Installs packages.
 * @param {string[]} packages
 * @param {string} [complaints] of the update before, to be shown with a failure
 */
export function installPackages(packages, complaints = "") {
  console.error(`native: installing ${packages.join(" ")} with apt-get`);
  aptGet(["install", "-y", "-qq", "--no-install-recommends", ...packages], 20 * minute, complaints);
}

function aptGet(/** @type {string[]} */ args, /** @type {number} */ timeout, before = "") {
  const patience = ["-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Use-Pty=0"];
  const result = spawnSync("apt-get", [...args, ...patience], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 << 20,
    timeout,
    // su without a login leaves the directories out that dpkg's scripts need.
    env: {
      ...process.env,
      LC_ALL: "C",
      DEBIAN_FRONTEND: "noninteractive",
      PATH: `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`,
    },
  });
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}`.trim();
  if (result.status === 0) return result.stderr.trim();
  const late = /** @type {NodeJS.ErrnoException | undefined} */ (result.error)?.code === "ETIMEDOUT";
  const why = late
    ? `took more than ${timeout / minute} minutes`
    : `failed (exit ${result.status ?? result.signal})`;
  const lines = `${before}\n${output || (result.error?.message ?? "")}`.trim().split("\n").slice(-shownLines);
  throw new BuildError(
    `a package could not be installed: \`apt-get ${args.join(" ")}\` ${why}:\n` +
      `${lines.map((line) => `  ${line}`).join("\n")}\n` +
      "Check this machine's network and its package sources, then run the build again.",
  );
}
