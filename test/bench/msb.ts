import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { keepCached } from "../support/cache.ts";
import { hashOfFiles, runTool, withLock } from "../support/host.ts";
import { cacheDir } from "../support/paths.ts";

const packageName = "@superradcompany/microsandbox-linux-x64-gnu";
const version = "0.7.2";

/** The program of microsandbox, installed once per cache folder. */
export async function msbProgram(): Promise<string> {
  const key = `msb-${hashOfFiles("test/bench/msb.ts")}`;
  const folder = join(cacheDir(), key);
  if (!existsSync(folder))
    await withLock(join(cacheDir(), "locks", key), async () => {
      if (existsSync(folder)) return;
      mkdirSync(cacheDir(), { recursive: true });
      const work = mkdtempSync(join(cacheDir(), "building-"));
      try {
        const quiet = ["--no-audit", "--no-fund", "--silent", "--ignore-scripts"];
        await runTool("npm", ["install", "--prefix", work, ...quiet, `${packageName}@${version}`]);
        renameSync(work, folder);
      } finally {
        rmSync(work, { recursive: true, force: true });
      }
    });
  keepCached(folder);
  return join(folder, "node_modules", packageName, "bin", "msb");
}

const run = promisify(execFile);

/** Runs msb, at home in `folder`; returns its stdout. Without an end of its input an exec does not end. */
export async function runMsb(
  program: string,
  folder: string,
  args: string[],
  limitMs: number,
): Promise<string> {
  const options = { env: msbEnvironment(folder), timeout: limitMs, killSignal: "SIGKILL" as const };
  const running = run(program, args, options);
  running.child.stdin?.end();
  return (await running).stdout;
}

/** A home of its own for msb, below `folder`, where files take user xattrs: a tmpfs may not. */
export function msbEnvironment(folder: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, MSB_HOME: join(folder, "msb") };
}
