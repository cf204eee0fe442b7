import { type SpawnOptions, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, mkdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { cacheDir, rootDir } from "./paths.ts";

/** A failure that is the machine's, not a bug: shown without a stack trace. */
export class SetupError extends Error {
  override readonly name = "SetupError";
}

/** True when `program` is on PATH or in an sbin directory (ordinary users lack those). */
export function hasProgram(program: string): boolean {
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return directories.some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** PATH with the sbin directories, for tools such as mkfs.ext4. */
export const adminPath = `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;

/** Runs a program to its end. Throws SetupError with its output when it fails. */
export async function runTool(
  program: string,
  args: string[],
  options: SpawnOptions & { input?: string | Buffer } = {},
): Promise<string> {
  const { input, ...rest } = options;
  const child = spawn(program, args, {
    env: { ...process.env, PATH: adminPath },
    ...rest,
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on("data", (data: Buffer) => stdout.push(data));
  child.stderr?.on("data", (data: Buffer) => stderr.push(data));
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once("error", (error) => reject(new SetupError(`cannot run ${program}: ${error.message}`)));
    child.once("close", (status, signal) => resolve(status ?? signal ?? "?"));
  });
  const output = Buffer.concat(stdout).toString();
  if (code !== 0) {
    const text = `${output}${Buffer.concat(stderr).toString()}`.trim().slice(-4000);
    throw new SetupError(`${program} ${args.slice(0, 3).join(" ")}… failed (${code}):\n${text}`);
  }
  return output;
}

/**
 * Makes sure that programs are there. `wanted` maps a program to the Debian package that has it. Installs
 * what is missing when root on a machine with apt; else throws SetupError with the command to run.
 */
export async function needPrograms(wanted: Record<string, string>): Promise<void> {
  const missing = Object.entries(wanted).filter(([program]) => !hasProgram(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, name]) => name))];
  const command = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  if (!hasProgram("apt-get")) {
    throw new SetupError(
      `missing programs: ${missing.map(([program]) => program).join(", ")}. ` +
        `This machine has no apt-get; install what Debian calls ${packages.join(", ")}.`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new SetupError(
      `missing programs: ${missing.map(([program]) => program).join(", ")}. As root, run: ${command}`,
    );
  }
  process.stderr.write(`installing ${packages.join(" ")}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", PATH: adminPath };
  // The build may be installing packages meanwhile.
  const patience = ["-o", "DPkg::Lock::Timeout=600"];
  const install = ["install", "-y", "-qq", "--no-install-recommends", ...patience, ...packages];
  await withLock(join(cacheDir(), "locks", "apt"), async () => {
    // A fresh machine has no package lists; an old list may name files that are gone.
    await runTool("apt-get", install, { env }).catch(async () => {
      await runTool("apt-get", ["update", "-qq"], { env });
      await runTool("apt-get", install, { env });
    });
  });
}

/**
 * Runs `work` while holding an exclusive lock on `file` against other processes. flock(1) holds it for us
 * (Node has no flock), and ends with us whatever happens, since its stdin closes.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const holder = spawn("flock", ["-x", file, "sh", "-c", "echo locked; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await new Promise<void>((resolve, reject) => {
    holder.once("error", (error) => reject(new SetupError(`cannot run flock: ${error.message}`)));
    holder.once("exit", (code) => reject(new SetupError(`flock ${file} failed (${code})`)));
    holder.stdout.once("data", () => resolve());
  });
  try {
    return await work();
  } finally {
    await new Promise((resolve) => {
      holder.once("exit", resolve);
      holder.stdin.end();
    });
  }
}

/** Short hash of source files of the checkout: the key of what they make. */
export function hashOfFiles(...files: string[]): string {
  const hash = createHash("sha256");
  for (const file of files)
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(join(rootDir(), file)));
  return hash.digest("hex").slice(0, 16);
}
