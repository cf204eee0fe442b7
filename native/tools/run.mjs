// Running other programs during the build. What the build tells people goes to stderr: the stdout of a script
// that uses its tools, as the benchmark and tests do, is that script's.

import { spawnSync } from "node:child_process";

/** A failure that is explained completely by its text: printed without a stack. */
export class BuildError extends Error {}

/**
 * Runs a program and returns its stdout.
 * @param {string} command
 * @param {string[]} args
 * @param {import("node:child_process").SpawnSyncOptions & { show?: boolean }} [options] `show`: let it write
 * to the terminal
 * @returns {string}
 */
export function run(command, args, options = {}) {
  const { show, ...rest } = options;
  const result = spawnSync(command, args, {
    encoding: "utf8",
    maxBuffer: 64 << 20,
    stdio: show ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
    ...rest,
  });
  if (/** @type {NodeJS.ErrnoException | undefined} */ (result.error)?.code === "ETIMEDOUT")
    throw new BuildError(
      `${command} ${args.join(" ")} took more than ${(rest.timeout ?? 0) / 60_000} minutes`,
    );
  if (result.error) throw new BuildError(`${command}: ${result.error.message}`);
  if (result.status !== 0) {
    const output = show ? "" : `\n${result.stdout}${result.stderr}`;
    throw new BuildError(
      `${command} ${args.join(" ")} failed (${result.signal ?? `exit ${result.status}`})${output}`,
    );
  }
  return String(result.stdout ?? "");
}

/** Whether a program can be started. @param {string} command @param {string[]} [args] */
export function has(command, args = ["--version"]) {
  const result = spawnSync(command, args, { stdio: "ignore" });
  return !result.error && result.status === 0;
}
