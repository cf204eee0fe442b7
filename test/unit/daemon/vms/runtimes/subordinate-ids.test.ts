import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { missingSubordinateIds } from "../../../../../engine/daemon/vms/runtimes/subordinate-ids.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const ann = { uid: 1000, username: "ann" };

/** What is missing for ann on a machine with these files. */
function missing(files: Record<string, string>): string | undefined {
  const root = tmpDir();
  for (const directory of ["etc", "usr/bin"]) mkdirSync(join(root, directory), { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text);
  return missingSubordinateIds(ann, root);
}

const helpers = { "usr/bin/newuidmap": "", "usr/bin/newgidmap": "" };

test("root needs none", () => {
  assert.equal(missingSubordinateIds({ uid: 0, username: "root" }, tmpDir()), undefined);
});

test("what is missing is named", () => {
  assert.equal(missing({}), "newuidmap is not installed");
  assert.equal(missing({ "usr/bin/newuidmap": "" }), "newgidmap is not installed");
  const others = { "etc/subuid": "bob:100000:65536\nann:0:5\nann:1:0\n" };
  assert.equal(missing({ ...helpers, ...others }), "/etc/subuid has no range for ann");
  assert.equal(
    missing({ ...helpers, "etc/subuid": "ann:100000:65536\n" }),
    "/etc/subgid has no range for ann",
  );
});

test("a range may be of the name or of the number", () => {
  const ranges = { "etc/subuid": "bob:1:1\nann:100000:65536\n", "etc/subgid": "1000:100000:65536\n" };
  assert.equal(missing({ ...helpers, ...ranges }), undefined);
});
