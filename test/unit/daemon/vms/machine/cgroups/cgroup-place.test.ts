// Files that are no cgroup's: what the kernel does with them is shown in the lab (test/lab/cgroups.ts).
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  delegatedPlace,
  topPlace,
} from "../../../../../../engine/daemon/vms/machine/cgroups/cgroup-place.ts";
import { tmpDir } from "../../../../../support/tmp-dir.ts";

interface Files {
  controllers?: string;
  passedOn?: string;
  procs?: string;
}

function cgroup(directory: string, { controllers = "", passedOn = "", procs = "" }: Files): string {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "cgroup.controllers"), controllers);
  writeFileSync(join(directory, "cgroup.subtree_control"), passedOn);
  writeFileSync(join(directory, "cgroup.procs"), procs);
  return directory;
}

const at = (directory: string) => ({ directory, top: "/", isWhole: false });

test("the engine moves into a cgroup of its own, and those of VMs are beside it", () => {
  const directory = cgroup(tmpDir(), {
    controllers: "cpu io memory pids",
    passedOn: "pids memory cpu",
    procs: "12\n14\n",
  });
  const leaf = cgroup(join(directory, "mocker-engine"), {});
  const place = { directory, controllers: ["memory", "pids", "cpu"] };
  assert.deepEqual(
    delegatedPlace(at(directory), () => [12, 13]),
    place,
  );
  // 13 is elsewhere and stays there.
  assert.equal(readFileSync(join(leaf, "cgroup.procs"), "utf8"), "12");
  // The next engine may be started there.
  writeFileSync(join(directory, "cgroup.procs"), "");
  assert.deepEqual(
    delegatedPlace(at(leaf), () => [15]),
    place,
  );
});

test("a cgroup with other processes stays as it was", () => {
  const directory = cgroup(tmpDir(), { controllers: "memory", procs: "12\n99\n" });
  // As with EBUSY, nothing is passed on.
  const leaf = cgroup(join(directory, "mocker-engine"), {});
  assert.deepEqual(
    delegatedPlace(at(directory), () => [12]),
    {
      problem: `other processes are in the engine's cgroup (${directory})`,
    },
  );
  assert.equal(readFileSync(join(leaf, "cgroup.procs"), "utf8"), "12");
  assert.equal(readFileSync(join(directory, "cgroup.procs"), "utf8"), "12");
});

test("what is not delegated is left alone", () => {
  const directory = cgroup(tmpDir(), { controllers: "io" });
  const without = delegatedPlace(at(directory), () => [12]);
  assert.match("problem" in without ? without.problem : "", /none of the controllers memory, pids, cpu/);
  rmSync(join(directory, "cgroup.subtree_control"));
  const foreign = delegatedPlace(at(directory), () => [12]);
  assert.match("problem" in foreign ? foreign.problem : "", /is not delegated to this user/);
  assert.equal(existsSync(join(directory, "mocker-engine")), false);
});

test("root's are below the top, where version 2 has controllers", () => {
  const top = cgroup(tmpDir(), { controllers: "memory pids", passedOn: "memory pids" });
  const directory = cgroup(join(top, "mocker"), { controllers: "memory pids", passedOn: "memory" });
  const root = { directory: "/elsewhere", top, isWhole: true };
  writeFileSync(join(directory, "cgroup.subtree_control"), "memory pids");
  assert.deepEqual(topPlace(root), { directory, controllers: ["memory", "pids"] });
  cgroup(top, {});
  assert.ok("problem" in topPlace(root));
});
