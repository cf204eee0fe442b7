import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { lingerCheck } from "../../../../engine/daemon/system/linger-check.ts";
import { tmpDir } from "../../../support/tmp-dir.ts";

function host(...directories: string[]): string {
  const root = tmpDir();
  for (const directory of directories) mkdirSync(join(root, directory), { recursive: true });
  return root;
}

const logind = ["run/systemd/system", "run/systemd/users", "var/lib/systemd/linger"];
const ann = { uid: 1000, userName: "ann", runDir: "/run/user/1000/mocker" };

test("who does not linger is told what a log-out means, and who does that nothing happens", () => {
  const root = host(...logind);
  const check = lingerCheck({ ...ann, root });
  assert.equal(check?.status, "warning");
  assert.match(check?.detail ?? "", /systemd removes \/run\/user\/1000 with the sockets/);
  assert.equal(
    check?.hint,
    "To keep them within reach, and to have what mocker system service installs start at boot: loginctl enable-linger ann",
  );
  writeFileSync(join(root, "var/lib/systemd/linger/bob"), "");
  assert.equal(lingerCheck({ ...ann, root })?.status, "warning");
  writeFileSync(join(root, "var/lib/systemd/linger/ann"), "");
  assert.equal(lingerCheck({ ...ann, root })?.status, "ok");
});

test("where no systemd-logind has the sockets' directory in its hands nothing is said of it", () => {
  assert.equal(lingerCheck({ ...ann, root: host() }), undefined);
  // As a container of a distribution with systemd has it.
  assert.equal(lingerCheck({ ...ann, root: host("run/systemd/users") }), undefined);
  const root = host(...logind);
  for (const runDir of ["/tmp/mocker-1000", "/run/user/10001/mocker", "/run/mocker"]) {
    assert.equal(lingerCheck({ ...ann, runDir, root }), undefined, runDir);
  }
});
