import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { rootDir } from "../../support/paths.ts";
import { tmpDir } from "../../support/tmp-dir.ts";

// native/test/codec-test.cc with native/codec, both built with AddressSanitizer.

const native = join(rootDir(), "native");
const program = join(native, "test", "codec-test.cc");

function testNames(): string[] {
  const source = execFileSync("grep", ["-oE", '^    \\{"[^"]+"', program], { encoding: "utf8" });
  return [...source.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? "");
}

/** The same every time. */
function noise(length: number): Buffer {
  let state = 1;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return state >> 16;
    }),
  );
}

describe("the decompressors under AddressSanitizer", () => {
  const samples = tmpDir();
  const executable = join(tmpDir(), "codec-test");

  before(() => {
    const tool = join(native, "tools", "codec.mjs");
    const build = `import { buildCodec } from ${JSON.stringify(tool)}; console.log(buildCodec({ sanitized: true }));`;
    const said = execFileSync(process.execPath, ["--input-type=module", "-e", build], { encoding: "utf8" });
    const library = said.trimEnd().split("\n").at(-1) ?? "";
    execFileSync(
      "g++",
      [
        ...["-std=c++20", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-D_GNU_SOURCE"],
        ...["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", program],
        ...["file", "sys-error"].map((name) => join(native, "common", `${name}.cc`)),
        ...[library, "-ldl", "-o", executable],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const text = Array.from({ length: 3000 }, (_, line) => `line ${line} of ${line % 7}\n`).join("");
    for (const [name, plain] of Object.entries({
      empty: Buffer.alloc(0),
      noise: noise(20_000),
      text: Buffer.from(text),
      zeros: Buffer.alloc(300_000),
    })) {
      writeFileSync(join(samples, `${name}.plain`), plain);
      writeFileSync(join(samples, `${name}.gz`), gzipSync(plain));
      writeFileSync(join(samples, `${name}.zst`), execFileSync("zstd", ["-q", "-c"], { input: plain }));
    }
  });

  for (const name of testNames()) {
    test(name, () => {
      const result = spawnSync(executable, [name, samples], { encoding: "utf8" });
      assert.equal(result.status, 0, result.stderr);
    });
  }

  test("every test of the program is run here", () => {
    const listed = execFileSync(executable, ["list"], { encoding: "utf8" }).trim().split("\n");
    assert.deepEqual(testNames().sort(), listed.sort());
  });
});
