// The static library of native/codec.

import { join } from "node:path";
import { buildCrate } from "./crate.mjs";
import { nativeDir } from "./paths.mjs";
import { BuildError, run } from "./run.mjs";
import { rustEnvironment } from "./rust.mjs";

/**
 * @param {object} [options]
 * @param {boolean} [options.sanitized] with AddressSanitizer in the Rust and the C code, and Rust's own
 * checks, for tests: what links it needs `-fsanitize=address`
 * @returns {string} the library's file
 */
export function buildCodec({ sanitized = false } = {}) {
  const crate = { dir: join(nativeDir, "codec"), version: "0.1.0", product: "libmocker_codec.a" };
  if (!sanitized) return buildCrate({ ...crate, name: "mocker-codec" });
  const host = /^host: (.+)$/m.exec(run("rustc", ["-vV"], { env: rustEnvironment("mocker-codec") }))?.[1];
  if (host === undefined) throw new BuildError("rustc -vV names no host");
  return buildCrate({
    ...crate,
    name: "mocker-codec-sanitized",
    // Without a target the build scripts would be sanitized, too.
    target: host,
    env: {
      // A stable compiler has the sanitizer, but only as an unstable flag.
      RUSTC_BOOTSTRAP: "1",
      RUSTFLAGS: "-Zsanitizer=address",
      CFLAGS: "-fsanitize=address -fno-omit-frame-pointer -g1",
      CARGO_PROFILE_RELEASE_OPT_LEVEL: "1",
      CARGO_PROFILE_RELEASE_LTO: "off",
      CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
      CARGO_PROFILE_RELEASE_DEBUG: "1",
      CARGO_PROFILE_RELEASE_STRIP: "none",
      CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS: "true",
      CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS: "true",
    },
  });
}
