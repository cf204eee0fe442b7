// Node 20 cannot run TypeScript: bundles an entry file into a temporary directory and runs it in this
// process.

import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

/** Runs the TypeScript file at `url`. The checkout's root is passed on in MOCKER_TEST_ROOT. */
export function runTypeScript(url) {
  process.env.MOCKER_TEST_ROOT ??= resolve(fileURLToPath(import.meta.url), "../../..");
  const directory = mkdtempSync(join(tmpdir(), "mocker-ts-"));
  try {
    const outfile = join(directory, "main.cjs");
    buildSync({
      entryPoints: [fileURLToPath(url)],
      outfile,
      bundle: true,
      platform: "node",
      target: "node20",
      format: "cjs",
      sourcemap: "inline",
      // The orchestrator bundles further files itself; esbuild finds its binary relative to its own package.
      external: ["esbuild", "mocha", "playwright-core", "@vscode/test-electron", "*.node"],
      logLevel: "warning",
    });
    process.setSourceMapsEnabled(true);
    process.env.NODE_PATH = join(process.env.MOCKER_TEST_ROOT, "node_modules");
    const require = createRequire(import.meta.url);
    require("node:module").Module._initPaths();
    require(outfile);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
