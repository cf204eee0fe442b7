// mocker-netd, the network process, of native/net.

import { join } from "node:path";
import { install } from "./files.mjs";
import { provideGo } from "./go.mjs";
import { cacheDir, nativeDir, outDir } from "./paths.mjs";
import { run } from "./run.mjs";

export const netdDir = join(nativeDir, "net");

/**
 * Runs `go` on the program's sources and returns its stdout: with the modules of go.sum, without a C library,
 * and with flags by which all commands find the same compiled modules in Go's cache.
 * @param {string[]} args
 */
export function goForNetd(...args) {
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly -trimpath", GOTOOLCHAIN: "local" };
  return run(provideGo(), args, { cwd: netdDir, env });
}

/** Builds the program into dist/native. */
export function buildNetd() {
  const product = join(cacheDir, "netd", process.arch, "mocker-netd");
  goForNetd("build", "-buildvcs=false", "-ldflags", "-s -w", "-o", product, ".");
  install(product, join(outDir, "mocker-netd"), 0o755);
}
