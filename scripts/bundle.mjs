// Bundles the engine, its layer worker, the CLI and the extension: one CommonJS file each under dist/. Beside
// them dist/bin is what the extension puts on PATH of the editor's terminals.

import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const entries = {
  engine: "engine/daemon/main.ts",
  "layer-worker": "engine/daemon/images/layers/layer-worker.ts",
  "store-worker": "engine/daemon/images/rootfs/store-worker.ts",
  extension: "extension/extension.ts",
};

// vscode-jsonrpc loads all of crypto for a function that nobody here calls: a tenth of the time of a short
// command.
/** @type {import("esbuild").Plugin} */
const lazyCrypto = {
  name: "lazy-crypto",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^crypto$/ }, () => ({ path: "crypto", namespace: "lazy" }));
    onLoad({ filter: /.*/, namespace: "lazy" }, () => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => require("node:crypto")[name] });`,
    }));
  },
};

/** @type {import("esbuild").BuildOptions & { metafile: true }} */
const options = {
  outdir: "dist",
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  minify: true,
  keepNames: true,
  sourcemap: "linked",
  external: ["vscode", "*.node"],
  logLevel: "warning",
  metafile: true,
  plugins: [lazyCrypto],
};

/**
 * Second line of dist/cli.js, whose first is `#!/bin/sh`: the shell runs it, JavaScript sees a string and a
 * comment. Without the `--` Node takes an `--env-file` anywhere on the command line for its own, and with the
 * file's NODE_OPTIONS runs code that was meant for a guest. `#!/usr/bin/env -S node --` would do, but
 * BusyBox's env has no -S.
 */
const shellLine = `":" //; exec node -- "$0" "$@"`;

const bundles = await Promise.all([
  build({ ...options, entryPoints: entries }),
  build({ ...options, entryPoints: { cli: "engine/cli/main.ts" }, banner: { js: shellLine } }),
]);
/** @type {import("esbuild").Metafile} */
const metafile = { inputs: {}, outputs: {} };
for (const bundle of bundles) {
  Object.assign(metafile.inputs, bundle.metafile.inputs);
  Object.assign(metafile.outputs, bundle.metafile.outputs);
}
// What is in the bundles; notices.mjs reads it.
writeFileSync("dist/meta.json", JSON.stringify(metafile));
chmodSync("dist/cli.js", 0o755);
mkdirSync("dist/bin", { recursive: true });
copyFileSync("extension/bin/mocker", "dist/bin/mocker");
chmodSync("dist/bin/mocker", 0o755);
