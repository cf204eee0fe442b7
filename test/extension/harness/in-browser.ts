import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { runTool, SetupError } from "../../support/host.ts";
import { killQuietly } from "../../support/processes.ts";
import { provideCodeServer } from "./code-server.ts";
import { cleanEnvironment, type EditorSetup, type StockEditor } from "./stock-editor.ts";

/** code-server on a free port of the loopback device, and Chromium on it. */
export async function startInBrowser(setup: EditorSetup): Promise<StockEditor> {
  const { node, entry } = await provideCodeServer((text) => process.stderr.write(`${text}\n`));
  const user = join(setup.folder, "user");
  const extensions = join(setup.folder, "extensions");
  const config = join(setup.folder, "config.yaml");
  for (const name of ["User", "Machine"]) mkdirSync(join(user, name), { recursive: true });
  mkdirSync(extensions, { recursive: true });
  writeFileSync(join(user, "User/settings.json"), JSON.stringify(setup.settings));
  writeFileSync(join(user, "Machine/settings.json"), JSON.stringify(setup.machineSettings));
  writeFileSync(config, "");
  const env = cleanEnvironment(setup.env);
  const common = ["--config", config, "--user-data-dir", user, "--extensions-dir", extensions];
  await runTool(
    node,
    [entry, ...common, ...setup.extensions.flatMap((file) => ["--install-extension", file])],
    { env },
  );
  const args = [
    ...[
      ...common,
      "--bind-addr",
      "127.0.0.1:0",
      "--auth",
      "none",
      "--disable-telemetry",
      "--disable-update-check",
    ],
    ...["--disable-getting-started-override", ...(setup.trusted ? ["--disable-workspace-trust"] : [])],
  ];
  const [program, programArgs] = await asUser(setup, node, [entry, ...args]);
  // The pty host outlives a SIGTERM to the server: a process group of its own.
  const server = spawn(program, programArgs, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const stop = () => killQuietly(-(server.pid ?? 0));
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let log = "";
      const timer = setTimeout(() => reject(new SetupError(`code-server did not start:\n${log}`)), 30_000);
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
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
      env: { ...env, HOME: setup.folder } as Record<string, string>,
    });
    try {
      const context = await browser.newContext({
        viewport: { width: 1280, height: 800 },
        permissions: ["clipboard-read", "clipboard-write"],
      });
      const page = await context.newPage();
      await page.goto(`${url}/?folder=${encodeURI(setup.workspace)}`);
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
