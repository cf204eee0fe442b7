import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ownCgroup } from "../../../../../../engine/daemon/vms/machine/cgroups/own-cgroup.ts";
import { tmpDir } from "../../../../../support/tmp-dir.ts";

/** A process's /proc with these cgroups, and mounts of cgroup v2 by their root and place. */
function proc(cgroup: string, mounts: [root: string, place: string][]): string {
  const dir = tmpDir();
  writeFileSync(join(dir, "cgroup"), cgroup);
  const lines = mounts.map(
    ([root, place]) => `30 23 0:26 ${root} ${place} rw,nosuid shared:9 - cgroup2 cgroup2 rw\n`,
  );
  const others =
    "29 23 0:25 / /sys rw - sysfs sysfs rw\n31 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
  writeFileSync(join(dir, "mountinfo"), others + lines.join(""));
  return dir;
}

test("the own cgroup is found below where version 2 is mounted, beside version 1 too", () => {
  const top = tmpDir();
  assert.deepEqual(ownCgroup(proc("4:memory:/x\n0::/user.slice/app.scope\n", [["/", top]])), {
    directory: join(top, "user.slice/app.scope"),
    top,
    isWhole: true,
  });
});

test("a container that sees a part of the hierarchy finds itself in that", () => {
  const top = tmpDir();
  writeFileSync(join(top, "cgroup.type"), "domain\n");
  const mounts: [string, string][] = [
    ["/other", "/elsewhere"],
    ["/docker/c1", top],
  ];
  assert.deepEqual(ownCgroup(proc("0::/docker/c1/init\n", mounts)), {
    directory: join(top, "init"),
    top,
    isWhole: false,
  });
});

test("without version 2 there is none", () => {
  assert.equal(ownCgroup(proc("4:memory:/\n", [])), undefined);
  assert.equal(ownCgroup(proc("0::/\n", [])), undefined);
});
