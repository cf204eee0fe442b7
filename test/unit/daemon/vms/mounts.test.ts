import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkMounts, guestMounts } from "../../../../engine/daemon/vms/mounts.ts";
import type { Mount } from "../../../../engine/protocol/vm.ts";
import { tmpDir } from "../../../support/tmp-dir.ts";

const bind = (source: string, target: string): Mount => ({ type: "bind", source, target, readOnly: false });

for (const [what, mounts, message] of [
  ["a relative source", [bind("data", "/d")], /^invalid volume source "data": it must be an absolute path$/],
  ["the root as a target", [bind("/d", "/")], /^invalid volume target "\/"/],
  ["a relative target", [bind("/d", "x")], /^invalid volume target "x"/],
  ["a NUL byte", [bind("/d\0", "/x")], /NUL byte/],
  ["one target twice", [bind("/a", "/x"), bind("/b", "/x/")], /^Duplicate mount point: \/x$/],
  [
    "one target of two kinds",
    [bind("/a", "/x"), { type: "tmpfs", target: "/x", readOnly: false }],
    /^Duplicate mount point: \/x$/,
  ],
  [
    "a named volume",
    [{ type: "volume", name: "data", target: "/d", readOnly: false }],
    /^invalid spec: data:\/d: named volumes are not supported yet$/,
  ],
] as [string, Mount[], RegExp][]) {
  test(`${what} is refused`, () => {
    assert.throws(() => checkMounts(mounts), { code: "MOUNT_INVALID", message });
  });
}

test("an anonymous volume is left to the VM's own disk, with a warning", () => {
  const shared = bind("/a", "/x");
  const { mounts, warnings } = checkMounts([
    { type: "volume", target: "/anonymous", readOnly: false },
    shared,
  ]);
  assert.deepEqual(mounts, [shared]);
  assert.deepEqual(warnings, [
    "-v /anonymous: anonymous volumes are not supported yet, the directory stays on the VM's own disk",
  ]);
});

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
