import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { installCommand } from "../../../../extension/commands/install-command.ts";

const folder = mkdtempSync(join(tmpdir(), "mocker-install-"));
after(() => rmSync(folder, { recursive: true }));
const bin = join(folder, "bin");
const cli = join(folder, "it's a cli.js");
writeFileSync(cli, "process.stdout.write(JSON.stringify(process.argv.slice(2)));");

test("the command runs the command line with its arguments as they are, and can be installed again", () => {
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(installCommand(cli, process.execPath, bin, { PATH: `/usr/bin:${bin}` }), {
      path: join(bin, "mocker"),
      onPath: true,
    });
  }
  const args = ["run", "two words", "", "$HOME", "--env-file", "nosuch"];
  assert.equal(execFileSync(join(bin, "mocker"), args, { encoding: "utf8" }), JSON.stringify(args));
  assert.equal(installCommand(cli, process.execPath, bin, { PATH: "/usr/bin" }).onPath, false);
});

test("somebody else's mocker is not overwritten", () => {
  const other = join(folder, "other");
  mkdirSync(other);
  writeFileSync(join(other, "mocker"), "#!/bin/sh\n");
  assert.throws(() => installCommand(cli, process.execPath, other, {}), /exists/);
});

test("a command whose extension is gone says what to do", () => {
  const gone = join(folder, "gone");
  installCommand(join(folder, "none.js"), process.execPath, gone, {});
  assert.throws(
    () => execFileSync(join(gone, "mocker"), [], { stdio: "pipe" }),
    (error: unknown) => error instanceof Error && "status" in error && error.status === 127,
  );
});
