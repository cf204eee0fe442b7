import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { manPages } from "../../../scripts/man-pages.ts";
import { needPrograms } from "../../support/host.ts";
import { tmpDir } from "../../support/tmp-dir.ts";

test("there is a page of each command, and formatters find nothing wrong with any", async () => {
  await needPrograms({ mandoc: "mandoc", groff: "groff-base" });
  const pages = await manPages("2026-01-02");
  const root = tmpDir();
  mkdirSync(join(root, "man1"));
  for (const [name, text] of pages) writeFileSync(join(root, "man1", name), text);
  for (const name of ["mocker.1", "mocker-run.1", "mocker-container-ls.1", "mocker-system.1"])
    assert.ok(pages.has(name), name);
  assert.ok(![...pages.keys()].some((name) => /dial-stdio|^mocker-vm/.test(name)));
  assert.equal(pages.get("mocker-container-run.1"), ".so man1/mocker-run.1\n");

  const files = [...pages.keys()].map((name) => `man1/${name}`);
  // mandoc prefers links to pages that include others; a VSIX has none.
  const own = files.filter((_, index) => ![...pages.values()][index]?.startsWith(".so "));
  const run = (program: string, ...args: string[]): { code: number | null; output: string; text: string } => {
    const env = { ...process.env, LC_ALL: "C.UTF-8" };
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: root, env, encoding: "utf8" });
    return { code: status, output: program === "mandoc" ? stdout + stderr : stderr, text: stdout };
  };
  const lint = run("mandoc", "-T", "lint", "-W", "warning", ...own);
  assert.deepEqual([lint.code, lint.output], [0, ""]);
  const { code, output, text } = run("groff", "-ww", "-man", "-Tascii", "-P-c", "-P-b", "-P-u", ...files);
  assert.deepEqual([code, output], [0, ""]);
  // What is to be typed can be copied from it.
  assert.match(text, /mocker run \[OPTIONS\] IMAGE \[COMMAND\] \[ARG\.\.\.\]/);
  assert.match(text, /^ +--annotation map$/m);
  assert.match(text, /^ +-c, --cpu-shares int\n(?: {2,}.*\n)+? +It has +no +effect: /m);
  assert.match(text, /OPTIONS THAT ARE REFUSED\n +--cpu-rt-period/);
});
