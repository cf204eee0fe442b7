// The Rust toolchain: rustup's, or the distribution's.

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { BuildError } from "./run.mjs";
import { isAtLeast } from "./version.mjs";

/**
 * What the crates of native/ and all they depend on need, though some say less of themselves (imago says
 * nothing).
 */
export const minimumRust = "1.87";

/**
 * @typedef {object} Toolchain a cargo, and what it is good for
 * @property {string} cargo its path
 * @property {boolean} onPath whether the shell would find this one
 * @property {"usable" | "broken" | "old"} state
 * @property {string} said the version of its rustc, or what it printed instead of running
 * @property {boolean} isRustups whether it is rustup's stand-in, which looks for the real one in rustup's
 * home
 */

/**
 * The first cargo that runs and is new enough, else the first that there is, else undefined.
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Toolchain | undefined}
 */
export function findRust(env = process.env) {
  /** @type {Toolchain | undefined} */
  let first;
  for (const dir of directories(env)) {
    const cargo = join(dir, "cargo");
    if (!isExecutable(cargo)) continue;
    const found = examine(cargo, first === undefined && pathOf(env).includes(dir), env);
    if (found.state === "usable") return found;
    first ??= found;
  }
  return first;
}

/**
 * The environment in which `cargo` and `rustc` are usable ones.
 * @param {string} purpose what cannot be built without
 * @returns {NodeJS.ProcessEnv}
 */
export function rustEnvironment(purpose) {
  const rust = findRust();
  if (rust?.state === "usable") return environmentOf(rust, process.env);
  throw new BuildError(
    `${purpose} cannot be built: ${problemOf(rust)}\nRun \`npm run build\`: it says what to do on this system.`,
  );
}

/**
 * What is wrong, in a sentence or two.
 * @param {Toolchain | undefined} rust
 * @param {NodeJS.ProcessEnv} [env]
 */
export function problemOf(rust, env = process.env) {
  if (rust === undefined) return `there is no Rust toolchain (cargo), ${minimumRust} or later.`;
  if (rust.state === "old")
    return `${rust.cargo} belongs to Rust ${rust.said}, which is too old: ${minimumRust} or later is needed.`;
  const printed = rust.said.split("\n").map((line) => `  ${line}`);
  const elsewhere = otherRustupHome(rust, env);
  if (rust.isRustups)
    printed.push(
      `It is rustup's, which looks for toolchains in ${rustupHome(env)}` +
        `${elsewhere === undefined ? "." : `; there are some in ${elsewhere}.`}`,
    );
  return `there is a cargo, but it does not run: ${rust.cargo} printed\n${printed.join("\n")}`;
}

/**
 * The command that helps rustup, whose toolchain is not found or is too old.
 * @param {Toolchain} rust
 * @param {NodeJS.ProcessEnv} [env]
 */
export function rustupCommand(rust, env = process.env) {
  const rustup = rust.onPath ? "rustup" : join(dirname(rust.cargo), "rustup");
  if (rust.state === "old") return `${rustup} update stable && ${rustup} default stable`;
  const elsewhere = otherRustupHome(rust, env);
  return elsewhere === undefined ? `${rustup} default stable` : `RUSTUP_HOME=${elsewhere} npm run build`;
}

function rustupHome(/** @type {NodeJS.ProcessEnv} */ env) {
  return env.RUSTUP_HOME || join(env.HOME || homedir(), ".rustup");
}

/** With another HOME than rustup was installed with, its toolchains are still beside its own `.cargo/bin`. */
function otherRustupHome(/** @type {Toolchain} */ rust, /** @type {NodeJS.ProcessEnv} */ env) {
  const home = join(dirname(dirname(dirname(rust.cargo))), ".rustup");
  return rust.isRustups && home !== rustupHome(env) && hasToolchain(home) ? home : undefined;
}

function hasToolchain(/** @type {string} */ home) {
  try {
    return readdirSync(join(home, "toolchains")).length > 0;
  } catch {
    return false;
  }
}

function environmentOf(/** @type {Toolchain} */ rust, /** @type {NodeJS.ProcessEnv} */ env) {
  // Else the order of everything else on PATH stays as it is.
  return rust.onPath ? env : { ...env, PATH: [dirname(rust.cargo), ...pathOf(env)].join(delimiter) };
}

/**
 * Where a cargo may be: rustup's directory is not on the PATH of every shell, Ubuntu's `cargo-1.85` on
 * none's.
 */
function directories(/** @type {NodeJS.ProcessEnv} */ env) {
  const rustups = join(env.CARGO_HOME || join(env.HOME || homedir(), ".cargo"), "bin");
  return [...new Set([...pathOf(env), rustups, ...versionedDirectories("/usr/lib")])];
}

function versionedDirectories(/** @type {string} */ parent) {
  const version = (/** @type {string} */ name) => name.slice("rust-".length);
  return (existsSync(parent) ? readdirSync(parent) : [])
    .filter((name) => /^rust-\d+\.\d+$/.test(name))
    .sort((a, b) => (isAtLeast(version(a), version(b)) ? -1 : 1))
    .map((name) => join(parent, name, "bin"));
}

function pathOf(/** @type {NodeJS.ProcessEnv} */ env) {
  return (env.PATH ?? "").split(delimiter).filter((dir) => dir !== "");
}

/** @returns {Toolchain} */
function examine(
  /** @type {string} */ cargo,
  /** @type {boolean} */ onPath,
  /** @type {NodeJS.ProcessEnv} */ env,
) {
  const isRustups = existsSync(join(dirname(cargo), "rustup"));
  const toolchain = { cargo, onPath, isRustups };
  const ran = start(cargo, env);
  if (!ran.ok) return { ...toolchain, state: "broken", said: ran.output };
  const inside = environmentOf({ ...toolchain, state: "usable", said: "" }, env);
  const compiler = start("rustc", inside);
  const version = /^rustc (\d+\.\d+\.\d+)/.exec(compiler.output)?.[1];
  if (!compiler.ok || version === undefined)
    return { ...toolchain, state: "broken", said: `rustc: ${compiler.output}` };
  return { ...toolchain, state: isAtLeast(version, minimumRust) ? "usable" : "old", said: version };
}

function start(/** @type {string} */ program, /** @type {NodeJS.ProcessEnv} */ env) {
  // rustup prints where in itself it failed, if it is asked to.
  const quiet = { ...env, RUST_BACKTRACE: "0" };
  const result = spawnSync(program, ["--version"], { encoding: "utf8", env: quiet, timeout: 60_000 });
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}`.trim();
  const silent = result.error?.message ?? `nothing, and ended with ${result.status ?? result.signal}`;
  return { ok: !result.error && result.status === 0, output: output || silent };
}

function isExecutable(/** @type {string} */ path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
