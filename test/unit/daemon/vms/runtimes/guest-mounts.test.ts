import assert from "node:assert/strict";
import { test } from "node:test";
import {
  disksOf,
  guestMounts,
  type HostMount,
} from "../../../../../engine/daemon/vms/runtimes/guest-mounts.ts";

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
    guestMounts(
      mounts,
      (_, index) => ({ kind: "virtiofs", source: `vol${index}` }),
      () => assert.fail("there is no disk"),
    ),
    [
      { kind: "virtiofs", source: "vol1", target: "/a", readOnly: false },
      { kind: "virtiofs", source: "vol0", target: "/a/b", readOnly: false, subpath: "sub", fill: true },
      { kind: "tmpfs", target: "/a/t", readOnly: false, sizeBytes: 0, options: ["exec"] },
      { kind: "tmpfs", target: "/a/b/c", readOnly: false, sizeBytes: 4096 },
    ],
  );
});

test("disks have numbers of their own, one each in however many places", () => {
  const disk = (volume: string, target: string): HostMount & { type: "disk" } => ({
    ...{ type: "disk", volume, source: `/v/${volume}`, target, readOnly: false, writes: true },
  });
  const mounts: HostMount[] = [
    { ...disk("db", "/var/db"), fill: true },
    share("/tmp", "/a"),
    disk("logs", "/logs"),
    { ...disk("db", "/part"), readOnly: true, subpath: "sub" },
  ];
  assert.deepEqual(
    disksOf(mounts).map(({ volume }) => volume),
    ["db", "logs"],
  );
  assert.deepEqual(
    guestMounts(
      mounts,
      (_, index) => ({ kind: "virtiofs", source: `vol${index}` }),
      (_, index) => `/dev/disk${index}`,
    ),
    [
      { kind: "virtiofs", source: "vol0", target: "/a", readOnly: false },
      { kind: "disk", source: "/dev/disk1", target: "/logs", readOnly: false },
      { kind: "disk", source: "/dev/disk0", target: "/part", readOnly: true, subpath: "sub" },
      { kind: "disk", source: "/dev/disk0", target: "/var/db", readOnly: false, fill: true },
    ],
  );
});
