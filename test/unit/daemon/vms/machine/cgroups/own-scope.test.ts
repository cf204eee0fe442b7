import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { enterOwnScope } from "../../../../../../engine/daemon/vms/machine/cgroups/own-scope.ts";
import { tmpDir } from "../../../../../support/tmp-dir.ts";

test("systemd is asked for a delegated scope with this process, and its move is waited for", async () => {
  const runtimeDir = tmpDir();
  const cgroupPath = join(runtimeDir, "cgroup");
  writeFileSync(cgroupPath, "0::/user.slice/session-1.scope\n");
  const calls: string[][] = [];
  const run = async (program: string, args: string[]): Promise<void> => {
    calls.push([program, ...args]);
    const scope = args.find((arg) => arg.endsWith(".scope"));
    setTimeout(() => writeFileSync(cgroupPath, `0::/user.slice/app.slice/${scope}\n`), 30);
  };
  // Without a systemd of the user's nobody is asked.
  assert.equal(await enterOwnScope(run, { runtimeDir, cgroupPath }), false);
  assert.equal(calls.length, 0);
  mkdirSync(join(runtimeDir, "systemd", "private"), { recursive: true });
  assert.equal(await enterOwnScope(run, { runtimeDir, cgroupPath }), true);
  const call = calls[0]?.join(" ") ?? "";
  assert.match(
    call,
    /^busctl --user .*StartTransientUnit .* mocker-engine-\d+\.scope fail 3 PIDs au 1 \d+ Delegate b true/,
  );
  const refuse = () => Promise.reject(new Error("Access denied"));
  assert.equal(await enterOwnScope(refuse, { runtimeDir, cgroupPath }), false);
});
