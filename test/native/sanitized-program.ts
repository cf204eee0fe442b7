import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../support/paths.ts";
import { tmpDir } from "../support/tmp-dir.ts";

const native = join(rootDir(), "native");

/**
 * A program of test/native/programs, as tests.h makes it, built with AddressSanitizer and
 * UndefinedBehaviorSanitizer.
 */
export class SanitizedProgram {
  readonly #source: string;
  readonly #executable: string;

  constructor(name: string) {
    this.#source = join(rootDir(), "test", "native", "programs", `${name}.cc`);
    this.#executable = join(tmpDir(), name);
  }

  /** With other sources of native/ and with libraries. */
  build(sources: string[], libraries: string[]): void {
    execFileSync(
      "g++",
      [
        ...["-std=c++20", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-D_GNU_SOURCE"],
        ...["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
        ...[
          "-I",
          native,
          "-I",
          join(native, "third_party"),
          this.#source,
          ...sources.map((source) => join(native, source)),
        ],
        ...[...libraries, "-o", this.#executable],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
  }

  /** Makes a test of each of the program's, which is given a folder. */
  defineTests(folder: () => string): void {
    const source = readFileSync(this.#source, "utf8");
    const names = [...source.matchAll(/^ {4}\{"([^"]+)"/gm)].map((match) => match[1] ?? "");
    for (const name of names) {
      test(name, () => {
        const result = spawnSync(this.#executable, [name, folder()], { encoding: "utf8" });
        assert.equal(result.status, 0, result.stderr);
      });
    }
    test("every test of the program is run here", () => {
      const listed = execFileSync(this.#executable, ["list"], { encoding: "utf8" }).trim().split("\n");
      assert.deepEqual(names.sort(), listed.sort());
    });
  }
}
