// mocker-netd, the network process, of native/net.

import { join } from "node:path";
import { install } from "./files.mjs";
import { provideGo } from "./go.mjs";
import { cacheDir, nativeDir, outDir } from "./paths.mjs";
import { run } from "./run.mjs";

export const netdDir = join(nativeDir, "net");

/** Of Go's, for each call: the modules are those of go.sum, and the program needs no C library. */
export const netdEnvironment = {
  ...process.env,
  CGO_ENABLED: "0",
  GOFLAGS: "-mod=readonly",
  GOTOOLCHAIN: "local",
};

/** Builds the program into dist/native. Go's own cache makes it quick when little has changed. */
export function buildNetd() {
  const product = join(cacheDir, "netd", process.arch, "mocker-netd");
  const flags = ["-trimpath", "-buildvcs=false", "-ldflags", "-s -w"];
  run(provideGo(), ["build", ...flags, "-o", product, "."], { cwd: netdDir, env: netdEnvironment });
  install(product, join(outDir, "mocker-netd"), 0o755);
}
