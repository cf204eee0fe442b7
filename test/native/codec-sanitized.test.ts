import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe } from "node:test";
import { gzipSync } from "node:zlib";
import { rootDir } from "../support/paths.ts";
import { tmpDir } from "../support/tmp-dir.ts";
import { SanitizedProgram } from "./sanitized-program.ts";

// test/native/programs/codec-test.cc with native/codec, both built with AddressSanitizer.

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
  const program = new SanitizedProgram("codec-test");

  before(async () => {
    const tool = join(rootDir(), "native", "tools", "codec.mjs");
    const build = `import { buildCodec } from ${JSON.stringify(tool)}; console.log(buildCodec({ sanitized: true }));`;
    const said = execFileSync(process.execPath, ["--input-type=module", "-e", build], { encoding: "utf8" });
    const library = said.trimEnd().split("\n").at(-1) ?? "";
    await program.build(["common/file.cc", "common/sys-error.cc"], [library, "-ldl"]);
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

  program.defineTests(() => samples);
});
