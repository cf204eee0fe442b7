import assert from "node:assert/strict";
import { test } from "node:test";
import { guestMounts, type HostMount } from "../../../../../engine/daemon/vms/runtimes/guest-mounts.ts";

const share = (source: string, target: string): HostMount & { type: "share" } => ({
  type: "share",
  source,
  sourceKind: "directory",
  target,
  readOnly: false,
});

test("shares keep their number, and outer targets are mounted first", () => {
  const mounts: HostMount[] = [
    { ...share("/volume", "/a/b"), fill: true, clear: false, subpath: "sub" },
    { type: "tmpfs", target: "/a/b/c/", readOnly: false, sizeBytes: 4096 },
    { type: "tmpfs", target: "/a/t", readOnly: false, options: ["exec"] },
    share("/tmp", "/a/"),
  ];
  assert.deepEqual(
    guestMounts(mounts, (_, index) => ({ kind: "virtiofs", source: `vol${index}` })),
    [
      { kind: "virtiofs", source: "vol1", target: "/a", readOnly: false },
      { kind: "virtiofs", source: "vol0", target: "/a/b", readOnly: false, subpath: "sub", fill: true },
      { kind: "tmpfs", target: "/a/t", readOnly: false, sizeBytes: 0, options: ["exec"] },
      { kind: "tmpfs", target: "/a/b/c", readOnly: false, sizeBytes: 4096 },
    ],
  );
});
