import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { before, describe } from "node:test";
import { rootDir } from "../../support/paths.ts";
import { tmpDir } from "../../support/tmp-dir.ts";
import { SanitizedProgram } from "./sanitized-program.ts";

/** Everything that the program tests; the rest needs Node or is tested through the built programs. */
const sources = [
  "agent/tree-archive.cc",
  ...["files", "krun-error", "libkrun", "process"].map((name) => `core/${name}.cc`),
  ...["clock", "file", "frame", "json", "loop", "out-queue", "sys-error", "unix-socket"].map(
    (name) => `common/${name}.cc`,
  ),
  ...["child-output", "framed-connection", "jail", "landlock", "syscall-filter"].map(
    (name) => `vmm/${name}.cc`,
  ),
];

describe("native code under the sanitizers", () => {
  const libraries = join(tmpDir(), "libraries");
  const program = new SanitizedProgram("native-test");

  before(() => {
    mkdirSync(libraries);
    const library = (name: string, ...flags: string[]) =>
      execFileSync("gcc", ["-shared", "-fPIC", ...flags, "-o", join(libraries, name)]);
    const fake = join(rootDir(), "native", "test", "fake-libkrun.c");
    library("libkrun-old.so", fake);
    library("libkrun-new.so", "-DFAKE_NEW", fake);
    library("libkrun-broken.so", "-DFAKE_BROKEN", fake);
    // As far as the loader looks: an executable is a kernel image, a shared object a libkrunfw.
    execFileSync("gcc", ["-static", "-no-pie", "-x", "c", "-", "-o", join(libraries, "image")], {
      input: "int main(void) { return 0; }",
    });
    library("libkrunfw.so.5", "-Wl,-soname,libkrunfw.so.5", "-x", "c", "/dev/null");
    program.build(sources, ["-ldl"]);
  });

  program.defineTests(() => {
    const scratch = tmpDir();
    for (const file of readdirSync(libraries)) cpSync(join(libraries, file), join(scratch, file));
    return scratch;
  });
});
