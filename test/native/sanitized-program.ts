import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, parse, resolve } from "node:path";
import { test } from "node:test";
import { rootDir } from "../support/paths.ts";
import { compiled } from "./compiled.ts";

const native = join(rootDir(), "native");
export const programs = join(rootDir(), "test", "native", "programs");

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

const flags = ["-std=c++20", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-D_GNU_SOURCE"];
const sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"];

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

  /** With other sources, by their paths in native/, and with libraries: files, or flags of the linker. */
  async build(sources: string[], libraries: string[]): Promise<void> {
    const left = [this.#source, ...sources.map((source) => resolve(native, source))];
    const included = headers();
    const objects: string[] = [];
    const compile = async (): Promise<void> => {
      for (let source = left.shift(); source !== undefined; source = left.shift()) {
        const args = [...flags, ...sanitizers, "-I", native, "-I", join(native, "third_party"), "-c", source];
        objects.push(await compiled(`${parse(source).name}.o`, "g++", args, [source, ...included]));
      }
    };
    // One by one, so that what two programs share is made once, and what was made is kept when a run ends
    // early.
    await Promise.all([compile(), compile()]);
    objects.sort();
    const files = [...objects, ...libraries.filter((library) => !library.startsWith("-"))];
    const args = [...sanitizers, "-pthread", ...objects, ...libraries];
    this.#executable = await compiled(this.#name, "g++", args, files);
  }

  /** Its path, once it is built. */
  get executable(): string {
    return this.#executable;
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
