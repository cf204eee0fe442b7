import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkGuestOptions,
  guestLimits,
  processPrivileges,
} from "../../../../engine/daemon/vms/guest-options.ts";
import type { GuestOptions, Network } from "../../../../engine/protocol/vm.ts";

const none: Network = { mode: "none" };

test("a guest is told what was asked for, and nothing else", () => {
  assert.deepEqual([guestLimits(), processPrivileges()], [{}, {}]);
  const options: GuestOptions = {
    ...{ readOnly: true, shmSizeBytes: 1024, sysctls: { "net.a": "1" }, pidsLimit: 7 },
    ...{
      capDrop: ["CHOWN"],
      oomScoreAdj: 5,
      groupAdd: ["x"],
      ulimits: [{ name: "core", soft: 0, hard: -1 }],
    },
  };
  assert.deepEqual(guestLimits(options), {
    ...{ readOnlyRoot: true, shmSizeBytes: 1024, sysctls: { "net.a": "1" }, pidsLimit: 7 },
  });
  assert.deepEqual(processPrivileges(options), {
    ...{
      rlimits: [{ name: "core", soft: 0, hard: -1 }],
      groups: ["x"],
      dropCapabilities: [0],
      oomScoreAdj: 5,
    },
  });
  assert.equal(processPrivileges({ ...options, privileged: true }).dropCapabilities, undefined);
  assert.deepEqual(guestLimits({ pidsLimit: -1, shmSizeBytes: 0 }), {});
});

test("what makes no sense is refused in Docker's words", () => {
  for (const [options, message] of [
    [{ capAdd: ["foo"] }, 'invalid CapAdd: unknown capability: "CAP_FOO"'],
    [{ capDrop: ["CAP_FOO"] }, 'invalid CapDrop: unknown capability: "CAP_FOO"'],
    [{ oomScoreAdj: 1001 }, "Invalid value 1001, range for oom score adj is [-1000, 1000]"],
    [{ shmSizeBytes: -1 }, "SHM size can not be less than 0"],
    [{ storageSizeBytes: 1000 }, "storage size of 1kB: at least 64MiB are needed"],
  ] as const) {
    assert.throws(() => checkGuestOptions(options as GuestOptions, "krun", none), { message });
  }
});

test("in the simulation a workload changes nothing of the host's", () => {
  const check = (options: GuestOptions, network: Network = none) =>
    checkGuestOptions(options, "simulation", network);
  assert.deepEqual(check({ sysctls: { "net.ipv4.ip_forward": "1", "kernel.shmmax": "1" } }), []);
  const refused = { code: "FEATURE_UNAVAILABLE" };
  assert.throws(() => check({ sysctls: { "vm.swappiness": "1" } }), refused);
  assert.throws(() => check({ sysctls: { "kernel/sem/../hostname": "1" } }), refused);
  assert.throws(() => check({ sysctls: { "net.core.somaxconn": "1" } }, { mode: "tsi" }), refused);
  assert.deepEqual(
    check({ pidsLimit: 5, privileged: true, storageSizeBytes: 2 ** 30 }).map((line) => line.split(" ")[0]),
    ["--cap-add", "--pids-limit", "--storage-opt"],
  );
  assert.deepEqual(checkGuestOptions({ sysctls: { "vm.swappiness": "1" }, pidsLimit: 5 }, "krun", none), []);
});
