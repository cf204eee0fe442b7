import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { runOffline } from "../../harness.ts";

test("the service is a unit of the user's, which systemd is told of", async () => {
  const home = tmpDir();
  const bin = join(home, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "systemctl"), `#!/bin/sh\necho "$@" >> ${home}/told\n`);
  chmodSync(join(bin, "systemctl"), 0o755);
  const env = { HOME: home, PATH: `${bin}:/usr/bin:/bin`, MOCKER_DATA_DIR: '/data/100% "$HOME"' };
  const path = join(home, ".config/systemd/user/mocker.service");
  const installed = await runOffline(["system", "service", "install"], env);
  assert.deepEqual([installed.code, installed.stdout], [0, `${path}\n`], installed.stderr);
  const unit = readFileSync(path, "utf8");
  // Docker's clients find its socket whenever they come.
  assert.match(unit, /^Environment=MOCKER_IDLE_SECONDS=0$/m);
  assert.ok(unit.includes(`\nExecStart="${process.execPath}" "--" "/nonexistent"\n`), unit);
  assert.ok(unit.includes('\nEnvironment="MOCKER_DATA_DIR=/data/100%% \\"$HOME\\""\n'), unit);
  assert.ok(unit.includes("\nKillMode=process\n"));
  assert.equal((await runOffline(["system", "service", "remove"], env)).code, 0);
  assert.equal((await runOffline(["system", "service", "remove"], env)).code, 1);
  assert.deepEqual(readFileSync(join(home, "told"), "utf8").trim().split("\n"), [
    "--user daemon-reload",
    "--user enable mocker.service",
    "--user disable mocker.service",
    "--user daemon-reload",
  ]);
});
