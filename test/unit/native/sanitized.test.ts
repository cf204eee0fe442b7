import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { rootDir } from "../../support/paths.ts";
import { tmpDir } from "../../support/tmp-dir.ts";

// native/test/native-test.cc, built with AddressSanitizer and UndefinedBehaviorSanitizer.

const native = join(rootDir(), "native");
const program = join(native, "test", "native-test.cc");

/** Everything that the program tests; the rest needs Node or is tested through the built programs. */
const sources = [
  "agent/tree-archive.cc",
  ...["files", "krun-error", "libkrun", "process"].map((name) => `core/${name}.cc`),
  ...["clock", "file", "loop", "sys-error"].map((name) => `common/${name}.cc`),
  ...["child-output", "jail", "landlock", "syscall-filter"].map((name) => `vmm/${name}.cc`),
];

function testNames(): string[] {
  const source = execFileSync("grep", ["-oE", '^    \\{"[^"]+"', program], { encoding: "utf8" });
  return [...source.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? "");
}

describe("native code under the sanitizers", () => {
  const built = tmpDir();
  const libraries = join(built, "libraries");
  const executable = join(built, "native-test");

  before(() => {
    mkdirSync(libraries);
    const library = (name: string, ...flags: string[]) =>
      execFileSync("gcc", ["-shared", "-fPIC", ...flags, "-o", join(libraries, name)]);
    const fake = join(native, "test", "fake-libkrun.c");
    library("libkrun-old.so", fake);
    library("libkrun-new.so", "-DFAKE_NEW", fake);
    library("libkrun-broken.so", "-DFAKE_BROKEN", fake);
    // As far as the loader looks: an executable is a kernel image, a shared object a libkrunfw.
    execFileSync("gcc", ["-static", "-no-pie", "-x", "c", "-", "-o", join(libraries, "image")], {
      input: "int main(void) { return 0; }",
    });
    library("libkrunfw.so.5", "-Wl,-soname,libkrunfw.so.5", "-x", "c", "/dev/null");
    execFileSync(
      "g++",
      [
        ...["-std=c++20", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-D_GNU_SOURCE"],
        ...["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
        ...["-I", join(native, "third_party"), program, ...sources.map((source) => join(native, source))],
        ...["-ldl", "-o", executable],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
  });

  for (const name of testNames()) {
    test(name, () => {
      const scratch = tmpDir();
      for (const file of readdirSync(libraries)) cpSync(join(libraries, file), join(scratch, file));
      const result = spawnSync(executable, [name, scratch], { encoding: "utf8" });
      assert.equal(result.status, 0, result.stderr);
    });
  }

  test("every test of the program is run here", () => {
    const listed = execFileSync(executable, ["list"], { encoding: "utf8" }).trim().split("\n");
    assert.deepEqual(testNames().sort(), listed.sort());
  });
});
