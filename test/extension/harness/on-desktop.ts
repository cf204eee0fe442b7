import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { downloadAndUnzipVSCode, resolveCliArgsFromVSCodeExecutablePath } from "@vscode/test-electron";
import { _electron } from "playwright-core";
import { SetupError } from "../../support/host.ts";
import { cacheDir } from "../../support/paths.ts";
import { cleanEnvironment, type EditorSetup, type StockEditor } from "./stock-editor.ts";

/** VS Code for the desktop, downloaded from its vendor into the cache. Needs a display, such as Xvfb's. */
export async function startOnDesktop(setup: EditorSetup): Promise<StockEditor> {
  const version = process.env.MOCKER_TEST_VSCODE ?? "stable";
  const executablePath = await downloadAndUnzipVSCode({ version, cachePath: join(cacheDir(), "vscode") });
  const user = join(setup.folder, "user");
  mkdirSync(join(user, "User"), { recursive: true });
  writeFileSync(
    join(user, "User/settings.json"),
    JSON.stringify({ ...setup.settings, ...setup.machineSettings }),
  );
  const env = cleanEnvironment({ ...setup.env, DISPLAY: process.env.DISPLAY });
  const places = ["--user-data-dir", user, "--extensions-dir", join(setup.folder, "extensions")];
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const [cli = "", ...cliArgs] = resolveCliArgsFromVSCodeExecutablePath(executablePath);
  const install = setup.extensions.flatMap((file) => ["--install-extension", file]);
  // Its default folders come first; the last ones count.
  const result = spawnSync(cli, [...cliArgs, ...sandbox, ...install, ...places], { env, encoding: "utf8" });
  if (result.status !== 0) throw new SetupError(`VS Code did not install the extensions:\n${result.stderr}`);
  const app = await _electron.launch({
    executablePath,
    args: [
      ...[...places, ...sandbox, "--skip-welcome", "--skip-release-notes", "--disable-telemetry"],
      ...(setup.trusted ? ["--disable-workspace-trust"] : []),
      setup.workspace,
    ],
    env: env as Record<string, string>,
  });
  return { page: await app.firstWindow(), close: () => app.close() };
}
