import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { debuggers } from "../../../../extension/debug/language.ts";

/** Runs what becomes the native adapter where a PATH has just these programs. */
function become(programs: Record<string, string>): { said: string; explained: string | undefined } {
  const directory = mkdtempSync(join(tmpdir(), "adapters-"));
  try {
    const bin = join(directory, "bin");
    mkdirSync(bin);
    for (const name of ["head", "basename"]) symlinkSync(`/usr/bin/${name}`, join(bin, name));
    for (const [name, script] of Object.entries(programs)) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    const [, ...args] = debuggers.native.command;
    const { status, stdout, stderr } = spawnSync("/bin/sh", args, { env: { PATH: bin }, encoding: "utf8" });
    const explained = debuggers.native.explain?.(status ?? 0, stderr, "The image x");
    return { said: stdout.trim(), explained };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("the native adapter is a gdb that is one, or LLVM's under any of its names", () => {
  const gdb = (version: string) => `[ "$1" = --version ] && echo "GNU gdb ${version}" || echo "gdb $*"`;
  const old = gdb("(Debian 13.1-3) 13.1");
  const echo = 'basename "$0"';
  assert.equal(become({ gdb: gdb("(Fedora Linux) 14.2-1.fc39") }).said, "gdb --interpreter=dap --quiet");
  assert.equal(become({ gdb: gdb("(GDB) 16.3"), "lldb-dap": echo }).said, "gdb --interpreter=dap --quiet");
  assert.equal(become({ gdb: old, "lldb-dap-19": echo }).said, "lldb-dap-19");
  assert.equal(become({ "lldb-vscode-16": echo }).said, "lldb-vscode-16");
  assert.equal(become({ "lldb-vscode-16": echo, "lldb-dap": echo }).said, "lldb-dap");
});

test("a gdb that is too old is named, and so is that there is none", () => {
  const old = become({ gdb: 'echo "GNU gdb (Debian 13.1-3) 13.1"' });
  assert.equal(old.explained, "The image x has gdb 13.1, which is no debug adapter yet, and no lldb-dap.");
  assert.equal(become({}).explained, "The image x has neither gdb nor lldb-dap.");
});
