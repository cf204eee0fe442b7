import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { before, describe } from "node:test";
import { rootDir } from "../support/paths.ts";
import { tmpDir } from "../support/tmp-dir.ts";
import { SanitizedProgram } from "./sanitized-program.ts";

/** What both need. */
const common = ["file", "sys-error"].map((name) => `common/${name}.cc`);

describe("native/host/core and the agent's archives under the sanitizers", () => {
  const libraries = join(tmpDir(), "libraries");
  const program = new SanitizedProgram("core-test");

  before(() => {
    mkdirSync(libraries);
    const library = (name: string, ...flags: string[]) =>
      execFileSync("gcc", ["-shared", "-fPIC", ...flags, "-o", join(libraries, name)]);
    const fake = join(rootDir(), "test", "native", "programs", "fake-libkrun.c");
    library("libkrun-old.so", fake);
    library("libkrun-new.so", "-DFAKE_NEW", fake);
    library("libkrun-broken.so", "-DFAKE_BROKEN", fake);
    // As far as the loader looks: an executable is a kernel image, a shared object a libkrunfw.
    execFileSync("gcc", ["-static", "-no-pie", "-x", "c", "-", "-o", join(libraries, "image")], {
      input: "int main(void) { return 0; }",
    });
    library("libkrunfw.so.5", "-Wl,-soname,libkrunfw.so.5", "-x", "c", "/dev/null");
    const core = ["files", "krun-error", "libkrun", "process"].map((name) => `host/core/${name}.cc`);
    program.build([...common, ...core, "guest/agent/rootfs/tree-archive.cc", "common/json.cc"], ["-ldl"]);
  });

  program.defineTests(() => {
    const scratch = tmpDir();
    for (const file of readdirSync(libraries)) cpSync(join(libraries, file), join(scratch, file));
    return scratch;
  });
});

describe("the monitor's parts under the sanitizers", () => {
  const program = new SanitizedProgram("vmm-test");

  before(() => {
    const shared = ["clock", "frame", "json", "loop", "out-queue", "unix-socket"].map(
      (name) => `common/${name}.cc`,
    );
    const parts = [
      "streams/child-output",
      "streams/framed-connection",
      "jail/jail",
      "jail/landlock",
      "jail/syscall-filter",
    ].map((name) => `host/vmm/${name}.cc`);
    program.build([...common, ...shared, ...parts], []);
  });

  program.defineTests(() => tmpDir());
});
