// What a person is told whose machine lacks something that the build needs: one command, where there is one.

import { installCommands, packagesOf } from "./distribution.mjs";
import { minimumRust, problemOf, rustupCommand } from "./rust.mjs";

/** @typedef {import("./distribution.mjs").Tool} Tool */
/** @typedef {import("./distribution.mjs").Distribution} Distribution */
/** @typedef {import("./rust.mjs").Toolchain} Toolchain */

/**
 * @typedef {object} Machine what the advice depends on
 * @property {Distribution} distribution
 * @property {boolean} isRoot
 * @property {Tool[]} missing
 * @property {Toolchain | undefined} rust
 * @property {string | undefined} cargo Debian's and its like's package of a cargo that is new enough
 * @property {boolean} hasPackageLists
 * @property {boolean} hasCurl
 */

/** @type {Record<Tool, string>} */
const names = {
  compiler: "a C++20 compiler (g++)",
  "static-libc": "the static libc.a",
  "static-libstdc++": "the static libstdc++.a",
  make: "make",
  python: "Python 3",
  pip: "pip for Python 3",
  mke2fs: "mke2fs (e2fsprogs)",
  certificates: "the authorities' certificates (ca-certificates)",
  curl: "curl",
};

const rustupInstaller = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y";

/**
 * What is missing, and what to do about it: as the last line one command, where there is one.
 * @param {Machine} machine
 */
export function setupAdvice(machine) {
  const { distribution, missing, rust } = machine;
  const tools = missing.map((tool) => names[tool]);
  const wanted = rust === undefined ? [...tools, `Rust ${minimumRust} or later (cargo)`] : tools;
  const lines = [];
  if (wanted.length > 0) lines.push(`the native parts cannot be built without ${listed(wanted)}.`);
  if (rust !== undefined && rust.state !== "usable")
    lines.push(`the native parts cannot be built without Rust: ${problemOf(rust)}`);
  if (distribution.family === undefined && tools.length > 0)
    lines.push(
      `Mocker does not know the packages of ${distribution.name}: install ${listed(tools)} yourself.`,
    );
  const commands = setupCommands(machine);
  // A command may be the build itself, in another environment.
  if (commands.at(-1)?.endsWith("npm run build")) lines.push("Run:");
  else lines.push(commands.length > 0 ? "Run this, then the build again:" : "Then run the build again.");
  if (commands.length > 0) lines.push(`  ${commands.join(" && ")}`);
  return lines.join("\n");
}

/** The packages that have what is missing, as far as the distribution has it. @param {Machine} machine */
export function missingPackages({ distribution: { family }, missing, rust, cargo, hasCurl }) {
  if (family === undefined) return [];
  const source = sourceOfRust(family, rust, cargo);
  const packages = packagesOf(family, source === "installer" && !hasCurl ? [...missing, "curl"] : missing);
  return typeof source === "object" ? [...packages, source.package] : packages;
}

/** In the order in which they are to be run. @param {Machine} machine */
function setupCommands(machine) {
  const { family } = machine.distribution;
  const { rust, cargo } = machine;
  const commands = family === undefined ? [] : installCommands(family, missingPackages(machine), machine);
  const source = sourceOfRust(family, rust, cargo);
  if (source === "installer") commands.push(rustupInstaller);
  if (source === "rustup" && rust !== undefined) commands.push(rustupCommand(rust));
  return commands;
}

/**
 * Where a Rust toolchain comes from: one that is here already, rustup that is here, a package, or rustup's
 * installer.
 * @param {Distribution["family"]} family
 * @param {Toolchain | undefined} rust
 * @param {string | undefined} cargo
 * @returns {"here" | "rustup" | "installer" | { package: string }}
 */
function sourceOfRust(family, rust, cargo) {
  if (rust?.state === "usable") return "here";
  // A package beside rustup would be a second toolchain, which nobody asked for.
  if (rust?.isRustups) return "rustup";
  // A distribution that has one cargo has just this one, if it is too old.
  const name = cargo ?? (rust?.state === "old" ? undefined : family?.cargo);
  return name === undefined ? "installer" : { package: name };
}

function listed(/** @type {string[]} */ words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
