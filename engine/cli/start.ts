#!/bin/sh
/**
 * dist/cli.js: runs the command, dist/cli-main.js, out of a cache of compiled code. scripts/bundle.mjs adds
 * the line that hands it from the shell to Node. Compiling takes a third of a short command's own time.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";
import { CodeCache } from "./code-cache.ts";

/** Of dist/cli-main.js; set by scripts/bundle.mjs. */
declare const MAIN_HASH: string;

const filename = join(__dirname, "cli-main.js");
const cache = CodeCache.of(MAIN_HASH, process.argv[2], process.env);
const script = new Script(
  // As Node wraps a CommonJS module, in a line of its own.
  `(function (exports, require, module, __filename, __dirname) {\n${readFileSync(filename, "utf8")}\n})`,
  { filename, lineOffset: -1, cachedData: cache?.read() },
);
if (cache) {
  process.once("exit", (code) => {
    if (script.cachedDataRejected === true || (code === 0 && !cache.hasVerb)) cache.write(script);
  });
}
script.runInThisContext()(exports, require, module, filename, __dirname);
