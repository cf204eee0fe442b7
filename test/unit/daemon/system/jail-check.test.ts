import assert from "node:assert/strict";
import { test } from "node:test";
import { jailCheck, simulatedRoot } from "../../../../engine/daemon/system/jail-check.ts";

const layers = [
  { name: "own root", on: true },
  { name: "Landlock", on: true, detail: "version 6" },
];

test("a jail that is whole, and one without a layer", () => {
  assert.deepEqual(jailCheck({ layers }, "/native"), {
    name: "jail",
    status: "ok",
    detail: "a VM's process has own root, Landlock (version 6)",
  });
  const without = { name: "seccomp", on: false, detail: "function not implemented" };
  const { status, detail } = jailCheck({ layers: [...layers, without] }, "/native");
  assert.deepEqual(
    [status, detail],
    ["warning", "a VM's process has own root, Landlock (version 6); not seccomp (function not implemented)"],
  );
});

for (const [problem, hint] of [
  [
    "AppArmor … (sysctl kernel.apparmor_restrict_unprivileged_userns is 1)",
    /install -m 644 '\/native\/mocker-vmm\.apparmor' \/etc\/apparmor\.d\/mocker-vmm && apparmor_parser -r \/etc\/apparmor\.d\/mocker-vmm /,
  ],
  ["… (sysctl kernel.unprivileged_userns_clone is 0)", /sysctl -w kernel\.unprivileged_userns_clone=1 /],
  ["… (sysctl user.max_user_namespaces is 0)", /sysctl -w user\.max_user_namespaces=15000 /],
  ["the container refuses", /^Allow user and mount namespaces/],
] as const) {
  test(`without a root of its own no VM runs: ${problem}`, () => {
    const check = jailCheck({ layers: [], problem }, "/native");
    assert.equal(check.status, "failed");
    assert.ok(check.detail.endsWith(problem), check.detail);
    assert.match(check.hint ?? "", hint);
    assert.match(check.hint ?? "", /--security-opt jail=weak$/);
  });
}

test("who a simulated root is on the host", () => {
  assert.equal(simulatedRoot({ layers }).status, "ok");
  const { status, detail } = simulatedRoot({ layers, ownIdsProblem: "cannot map the owners of /data" });
  assert.deepEqual(
    [status, detail],
    ["warning", "a simulated workload's root would be the host's: cannot map the owners of /data"],
  );
});
