import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { runTool, SetupError } from "../../support/host.ts";
import { killQuietly } from "../../support/processes.ts";
import { type CodeServer, provideCodeServer } from "./code-server.ts";
import { once } from "./once.ts";
import { cleanEnvironment, type EditorSetup, type StockEditor } from "./stock-editor.ts";

/** For each part of the start, on a machine that runs other suites meanwhile. */
const limitMs = 120_000;

/** code-server on a free port of the loopback device, and Chromium on it. */
export async function startInBrowser(setup: EditorSetup): Promise<StockEditor> {
  const { node, entry } = await provideCodeServer((text) => process.stderr.write(`${text}\n`));
  const user = join(setup.folder, "user");
  const extensions = join(setup.folder, "extensions");
  const config = join(setup.folder, "config.yaml");
  for (const name of ["User", "Machine"]) mkdirSync(join(user, name), { recursive: true });
  await runTool("cp", ["-r", "--reflink=auto", await installed({ node, entry }, setup), extensions]);
  writeFileSync(join(user, "User/settings.json"), JSON.stringify(setup.settings));
  writeFileSync(join(user, "Machine/settings.json"), JSON.stringify(setup.machineSettings));
  writeFileSync(config, "");
  const env = cleanEnvironment(setup.env);
  const args = [
    ...["--config", config, "--user-data-dir", user, "--extensions-dir", extensions],
    ...["--bind-addr", "127.0.0.1:0", "--auth", "none", "--disable-telemetry", "--disable-update-check"],
    ...["--disable-getting-started-override", ...(setup.trusted ? ["--disable-workspace-trust"] : [])],
  ];
  const [program, programArgs] = await asUser(setup, node, [entry, ...args]);
  // The pty host outlives a SIGTERM to the server: a process group of its own.
  const server = spawn(program, programArgs, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const stop = () => killQuietly(-(server.pid ?? 0));
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let log = "";
      const timer = setTimeout(() => reject(new SetupError(`code-server did not start:\n${log}`)), limitMs);
      const onLine = (line: string) => {
        log = `${log}${line}\n`.slice(-4000);
        const address = /HTTP server listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
        if (address === undefined) return;
        clearTimeout(timer);
        resolve(address);
      };
      createInterface({ input: server.stdout }).on("line", onLine);
      createInterface({ input: server.stderr }).on("line", onLine);
      server.once("error", reject);
      server.once("exit", (code) => {
        clearTimeout(timer);
        reject(new SetupError(`code-server ended (${code}):\n${log}`));
      });
    });
    const browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      timeout: limitMs,
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
      env: { ...env, HOME: setup.folder } as Record<string, string>,
    });
    try {
      const context = await browser.newContext({
        viewport: { width: 1280, height: 800 },
        permissions: ["clipboard-read", "clipboard-write"],
      });
      const page = await context.newPage();
      await page.goto(`${url}/?folder=${encodeURI(setup.workspace)}`, { timeout: limitMs });
      return {
        page,
        close: async () => {
          await browser.close();
          stop();
        },
      };
    } catch (error) {
      await browser.close();
      throw error;
    }
  } catch (error) {
    stop();
    throw error;
  }
}

/** A directory in which code-server has installed the set-up's extensions: made once, for editors to copy. */
async function installed(server: CodeServer, { extensions, env }: EditorSetup): Promise<string> {
  const make = async () => [await install(server, extensions, cleanEnvironment(env))];
  const [directory = ""] = await once(`installed ${extensions.join()}`, make);
  return directory;
}

async function install(
  { node, entry }: CodeServer,
  files: string[],
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "installed-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  const config = join(directory, "config.yaml");
  const extensions = join(directory, "extensions");
  writeFileSync(config, "");
  await runTool(
    node,
    [
      ...[entry, "--config", config, "--user-data-dir", join(directory, "user")],
      ...["--extensions-dir", extensions],
      ...files.flatMap((file) => ["--install-extension", file]),
    ],
    { env },
  );
  return extensions;
}

/**
 * The command line that runs code-server as the set-up's user, who may not be able to reach the cache folder.
 */
async function asUser(
  { folder, user }: EditorSetup,
  node: string,
  args: string[],
): Promise<[program: string, args: string[]]> {
  if (user === undefined) return [node, args];
  const place = join(folder, "node_modules");
  mkdirSync(place);
  await runTool("chown", ["-R", `${user.uid}:${user.gid}`, user.home]);
  const cached = join(node, "../../..");
  const command = [node, ...args].map((word) => word.replace(`${cached}/`, `${place}/`));
  const identity = [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
  // Seen by the server alone.
  const script = 'mount --bind "$1" "$2" && shift 2 && exec setpriv "$@"';
  return ["unshare", ["--mount", "sh", "-c", script, "sh", cached, place, ...identity, ...command]];
}
