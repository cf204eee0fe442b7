import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { runTool } from "../../support/host.ts";
import { rootDir } from "../../support/paths.ts";

/**
 * Packages the built extension as a user gets it, or with options of `npm run package`. Returns the file's
 * path.
 */
export async function packageExtension(folder: string, options: string[] = []): Promise<string> {
  const file = join(folder, `mocker${options.length === 0 ? "" : "-published"}.vsix`);
  await runTool(process.execPath, [join(rootDir(), "scripts/package.mjs"), file, ...options], {
    cwd: rootDir(),
  });
  return file;
}

/** Packages the helper extension. */
export async function packageHelper(folder: string): Promise<string> {
  const source = join(folder, "helper");
  mkdirSync(source);
  await build({
    entryPoints: [join(rootDir(), "test/extension/harness/helper.ts")],
    outfile: join(source, "helper.js"),
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["vscode"],
    logLevel: "error",
  });
  const manifest = {
    name: "mocker-test-helper",
    publisher: "mocker-test",
    version: "0.0.1",
    engines: { vscode: "^1.91.0" },
    main: "helper.js",
    activationEvents: ["*"],
    capabilities: { untrustedWorkspaces: { supported: true } },
  };
  writeFileSync(join(source, "package.json"), JSON.stringify(manifest));
  const file = join(folder, "helper.vsix");
  const vsce = join(rootDir(), "node_modules/@vscode/vsce/vsce");
  const options = ["--no-dependencies", "--allow-missing-repository", "--skip-license", "--out", file];
  await runTool(process.execPath, [vsce, "package", ...options], { cwd: source });
  return file;
}
