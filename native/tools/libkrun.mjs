// libkrun.so.1: built from the crate in native/libkrun.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildCrate } from "./crate.mjs";
import { install } from "./files.mjs";
import { nativeDir, outDir } from "./paths.mjs";
import { BuildError } from "./run.mjs";

const dir = join(nativeDir, "libkrun");

/** Puts libkrun.so.1 into dist/native. @returns {{ version: string }} */
export function provideLibkrun() {
  const lock = readFileSync(join(dir, "Cargo.lock"), "utf8");
  const version = /name = "libkrun"\nversion = "([^"]+)"/.exec(lock)?.[1];
  if (!version) throw new BuildError("native/libkrun/Cargo.lock does not pin libkrun");
  const built = buildCrate({ dir, name: "libkrun", version, product: "libkrun.so" });
  install(built, join(outDir, "libkrun.so.1"), 0o755);
  return { version };
}
