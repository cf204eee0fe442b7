import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootDir } from "../support/paths.ts";
import { compiled } from "./compiled.ts";

const native = join(rootDir(), "native");
const programs = join(rootDir(), "test", "native", "programs");

/** The headers that a test or a source of native/ may include. */
function headers(): string[] {
  const directories = [
    programs,
    ...["codec", "common", "guest", "host", "third_party"].map((name) => join(native, name)),
  ];
  return directories.flatMap((directory) =>
    readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(?:h|hpp)$/.test(name) && !name.startsWith("target/"))
      .map((name) => join(directory, name)),
  );
}

/**
 * A program of test/native/programs, as tests.h makes it, built with AddressSanitizer and
 * UndefinedBehaviorSanitizer.
 */
export class SanitizedProgram {
  readonly #name: string;
  readonly #source: string;
  #executable = "";

  constructor(name: string) {
    this.#name = name;
    this.#source = join(programs, `${name}.cc`);
  }

  /** With other sources of native/ and with libraries: files, or flags of the linker. */
  build(sources: string[], libraries: string[]): void {
    const files = [this.#source, ...sources.map((source) => join(native, source))];
    this.#executable = compiled(
      this.#name,
      "g++",
      [
        ...["-std=c++20", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-D_GNU_SOURCE"],
        ...["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
        ...["-I", native, "-I", join(native, "third_party"), ...files, ...libraries],
      ],
      [...files, ...libraries.filter((library) => !library.startsWith("-")), ...headers()],
    );
  }

  /** Makes a test of each of the program's, which is given a directory. */
  defineTests(directory: () => string): void {
    const source = readFileSync(this.#source, "utf8");
    const names = [...source.matchAll(/^ {4}\{"([^"]+)"/gm)].map((match) => match[1] ?? "");
    for (const name of names) {
      test(name, () => {
        const result = spawnSync(this.#executable, [name, directory()], { encoding: "utf8" });
        assert.equal(result.status, 0, result.stderr);
      });
    }
    test("every test of the program is run here", () => {
      const listed = execFileSync(this.#executable, ["list"], { encoding: "utf8" }).trim().split("\n");
      assert.deepEqual(names.sort(), listed.sort());
    });
  }
}
