// Bundles the engine, its workers and the CLI, one CommonJS file each under dist/ (the CLI with a file that
// starts it), and the extension, whose parts that are not needed to activate are in files of their own.
// Beside them dist/bin is what the extension puts on PATH of the editor's terminals.

import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { build, transform } from "esbuild";

const entries = {
  engine: "engine/daemon/main.ts",
  "layer-worker": "engine/daemon/images/layers/layer-worker.ts",
  "store-worker": "engine/daemon/images/rootfs/store-worker.ts",
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

/**
 * Of vscode-jsonrpc the extension itself needs the descriptions of messages, a tenth of it; the rest comes
 * with vscode-languageclient when a connection is made. A name that is not listed fails the build.
 * @type {import("esbuild").Plugin}
 */
const messagesOnly = {
  name: "messages-only",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^vscode-jsonrpc(\/node(\.js)?)?$/ }, ({ importer }) =>
      /[/\\]node_modules[/\\]/.test(importer)
        ? undefined
        : { path: "messages", namespace: "jsonrpc", sideEffects: false },
    );
    onLoad({ filter: /.*/, namespace: "jsonrpc" }, () => ({
      contents: `export { ErrorCodes, NotificationType, RequestType, RequestType0, ResponseError } from ${JSON.stringify(
        createRequire(import.meta.url).resolve("vscode-jsonrpc/lib/common/messages.js"),
      )};`,
      resolveDir: "/",
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

/**
 * The extension as dist/extension.js and the files that it imports, at once or later: esbuild parts modules
 * only, so that its modules are made CommonJS in a second pass.
 * @returns {Promise<import("esbuild").Metafile>}
 */
async function buildExtension() {
  const { outputFiles, metafile } = await build({
    ...options,
    entryPoints: { extension: "extension/extension.ts" },
    format: "esm",
    splitting: true,
    chunkNames: "extension-[name]-[hash]",
    sourcemap: "inline",
    write: false,
    plugins: [lazyCrypto, messagesOnly],
  });
  const written = new Set();
  for (const { path, text } of outputFiles) {
    const name = basename(path);
    const { code, map } = await transform(text, {
      sourcefile: name,
      format: "cjs",
      platform: "node",
      target: "node20",
      // import() of a CommonJS file would have the file's exports in `default` only.
      supported: { "dynamic-import": false },
      minify: true,
      sourcemap: "external",
    });
    writeFileSync(`dist/${name}`, `${code}//# sourceMappingURL=${name}.map\n`);
    writeFileSync(`dist/${name}.map`, map);
    written.add(name).add(`${name}.map`);
  }
  for (const name of readdirSync("dist")) {
    if (name.startsWith("extension-") && !written.has(name)) rmSync(`dist/${name}`);
  }
  return metafile;
}

/**
 * The command line: dist/cli-main.js, and dist/cli.js, which runs it and knows it by its hash.
 * @returns {Promise<import("esbuild").Metafile>}
 */
async function buildCli() {
  const main = await build({
    ...options,
    entryPoints: { "cli-main": "engine/cli/main.ts" },
    // Code that comes out of a cache has lost whom to ask for an import().
    supported: { "dynamic-import": false },
  });
  const hash = createHash("sha256").update(readFileSync("dist/cli-main.js")).digest("hex").slice(0, 16);
  const start = await build({
    ...options,
    entryPoints: { cli: "engine/cli/start.ts" },
    banner: { js: shellLine },
    define: { MAIN_HASH: JSON.stringify(hash) },
  });
  return {
    inputs: { ...main.metafile.inputs, ...start.metafile.inputs },
    outputs: { ...main.metafile.outputs, ...start.metafile.outputs },
  };
}

mkdirSync("dist/bin", { recursive: true });
const metafiles = await Promise.all([
  build({ ...options, entryPoints: entries }).then((result) => result.metafile),
  buildCli(),
  buildExtension(),
]);
/** @type {import("esbuild").Metafile} */
const metafile = { inputs: {}, outputs: {} };
for (const { inputs, outputs } of metafiles) {
  Object.assign(metafile.inputs, inputs);
  Object.assign(metafile.outputs, outputs);
}
// What is in the bundles; notices.mjs reads it.
writeFileSync("dist/meta.json", JSON.stringify(metafile));
chmodSync("dist/cli.js", 0o755);
copyFileSync("extension/bin/mocker", "dist/bin/mocker");
chmodSync("dist/bin/mocker", 0o755);
