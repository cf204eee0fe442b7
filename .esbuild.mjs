// Bundles the engine, its layer worker, the CLI and the extension: one CommonJS file each under dist/.

import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const entries = {
  engine: "engine/main.ts",
  "layer-worker": "engine/images/layer-worker.ts",
  "store-worker": "engine/images/store-worker.ts",
  cli: "engine/cli/main.ts",
  extension: "extension/extension.ts",
};
const present = Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)));

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
});
// What is in the bundles; .notices.mjs reads it.
writeFileSync("dist/meta.json", JSON.stringify(metafile));
if (existsSync("dist/cli.js")) chmodSync("dist/cli.js", 0o755);
