import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { guestMounts } from "../../../../../engine/daemon/vms/runtimes/guest-mounts.ts";
import type { Mount } from "../../../../../engine/protocol/vm.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";

const bind = (source: string, target: string): Mount => ({ type: "bind", source, target, readOnly: false });

test("shares keep their number, outer targets are mounted first, and missing directories are made", async () => {
  const source = join(tmpDir(), "made", "here");
  const mounts: Mount[] = [
    bind(source, "/a/b"),
    { type: "tmpfs", target: "/a/b/c/", readOnly: false, sizeBytes: 4096 },
    bind("/tmp", "/a/"),
  ];
  assert.deepEqual(await guestMounts(mounts, (_, index) => ({ kind: "virtiofs", source: `vol${index}` })), [
    { kind: "virtiofs", source: "vol1", target: "/a", readOnly: false },
    { kind: "virtiofs", source: "vol0", target: "/a/b", readOnly: false },
    { kind: "tmpfs", target: "/a/b/c", readOnly: false, sizeBytes: 4096 },
  ]);
  assert.ok(statSync(source).isDirectory());
});
