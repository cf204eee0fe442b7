import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { checkMounts, completeMounts } from "../../../../engine/daemon/vms/mounts.ts";
import type { Mount } from "../../../../engine/protocol/vm.ts";
import { tmpDir } from "../../../support/tmp-dir.ts";

const bind = (source: string, target: string): Mount => ({ type: "bind", source, target, readOnly: false });
const missing = join(tmpDir(), "nothing");

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
    "a source that must be there and is not",
    [{ type: "bind", source: missing, target: "/x", readOnly: false, mustExist: true }],
    /^invalid mount config for type "bind": bind source path does not exist: .*nothing$/,
  ],
] as [string, Mount[], RegExp][]) {
  test(`${what} is refused`, () => {
    assert.throws(() => checkMounts(mounts), { code: "MOUNT_INVALID", message });
  });
}

test("a source of -v need not be there, nor does a volume", () => {
  checkMounts([bind(missing, "/x"), { type: "volume", name: "data", target: "/d", readOnly: false }]);
});

test("anonymous volumes get names, and the image's own are added where nothing is mounted", () => {
  const shared = bind("/a", "/shared");
  const mounts = completeMounts(
    {
      mounts: [shared, { type: "volume", target: "/anonymous", readOnly: false }],
      volumesFrom: [],
      imageVolumes: ["/shared/", "/data", "relative", "/"],
    },
    () => [],
  );
  assert.deepEqual(
    mounts.map(({ type, target }) => [type, target]),
    [
      ["bind", "/shared"],
      ["volume", "/anonymous"],
      ["volume", "/data"],
    ],
  );
  const names = mounts.flatMap((mount) => (mount.type === "volume" && mount.anonymous ? [mount.name] : []));
  assert.equal(new Set(names).size, 2);
  for (const name of names) assert.match(name ?? "", /^[0-9a-f]{64}$/);
});

test("another VM's mounts come along, but for those in memory; one's own win", () => {
  const theirs: Mount[] = [
    { type: "volume", name: "data", target: "/d", readOnly: false },
    bind("/a", "/x"),
    bind("/c", "/own"),
    { type: "tmpfs", target: "/t", readOnly: false },
  ];
  const mountsOf = (vm: string): Mount[] => (vm === "other" ? theirs : []);
  const request = { mounts: [bind("/b", "/own")], imageVolumes: ["/d"] };
  assert.deepEqual(completeMounts({ ...request, volumesFrom: ["other:ro"] }, mountsOf), [
    { type: "volume", name: "data", target: "/d", readOnly: true },
    { type: "bind", source: "/a", target: "/x", readOnly: true },
    bind("/b", "/own"),
  ]);
  assert.throws(() => completeMounts({ ...request, volumesFrom: ["other:x"] }, mountsOf), {
    code: "MOUNT_INVALID",
    message: "invalid mode: x",
  });
});
