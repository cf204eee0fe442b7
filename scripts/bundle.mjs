// Bundles the engine, its layer worker, the CLI and the extension: one CommonJS file each under dist/.

import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const entries = {
  engine: "engine/daemon/main.ts",
  "layer-worker": "engine/daemon/images/layers/layer-worker.ts",
  "store-worker": "engine/daemon/images/rootfs/store-worker.ts",
  cli: "engine/cli/main.ts",
  extension: "extension/extension.ts",
};
const present = Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)));

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

const { metafile } = await build({
  entryPoints: present,
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
});
// What is in the bundles; notices.mjs reads it.
writeFileSync("dist/meta.json", JSON.stringify(metafile));
if (existsSync("dist/cli.js")) chmodSync("dist/cli.js", 0o755);
