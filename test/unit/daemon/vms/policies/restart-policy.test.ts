import assert from "node:assert/strict";
import { test } from "node:test";
import { Restarts } from "../../../../../engine/daemon/vms/policies/restart-policy.ts";
import type { VmExitRecord, VmRestartRecord } from "../../../../../engine/daemon/vms/records/vm-record.ts";
import { parseRestartPolicy } from "../../../../../engine/docker/run-options/restart-policy.ts";

/** An end after `ranSeconds`; null for a start that has failed. */
function ended(exitCode: number, ranSeconds: number | null = 1): VmExitRecord {
  const end = Date.parse("2026-01-01T00:10:00Z");
  return {
    ...{ version: 1, exitCode, signal: null, reason: "exited", message: "" },
    startedAt: ranSeconds === null ? null : new Date(end - ranSeconds * 1000).toISOString(),
    finishedAt: new Date(end).toISOString(),
  };
}

function made(policy: string, bootId = "boot-1") {
  const written: VmRestartRecord[] = [];
  const restarts = new Restarts({
    policy: () => parseRestartPolicy(policy),
    write: (record) => written.push(record),
    bootId,
  });
  return { restarts, written };
}

test("delays double from 100 ms to a minute, and begin anew after a run of ten seconds", () => {
  const { restarts } = made("always");
  const delays = Array.from({ length: 12 }, () => restarts.delayAfter(ended(0)));
  assert.deepEqual(delays.slice(0, 4), [100, 200, 400, 800]);
  assert.deepEqual(delays.slice(9), [51_200, 60_000, 60_000]);
  assert.equal(restarts.delayAfter(ended(1, 9.9)), 60_000);
  assert.equal(restarts.delayAfter(ended(1, 10)), 100);
  assert.equal(restarts.count, 14);
  restarts.startedByHand();
  assert.equal(restarts.count, 0);
  assert.equal(restarts.delayAfter(ended(1)), 100);
});

test("on-failure minds the exit code and its number", () => {
  const { restarts } = made("on-failure:2");
  assert.equal(restarts.delayAfter(ended(0)), undefined);
  assert.deepEqual(
    [1, 1, 1].map((code) => restarts.delayAfter(ended(code))),
    [100, 200, undefined],
  );
  assert.equal(restarts.count, 2);
  assert.equal(made("no").restarts.delayAfter(ended(1)), undefined);
});

test("what somebody stops stays so, until it is started", () => {
  for (const policy of ["always", "unless-stopped", "on-failure"]) {
    const { restarts } = made(policy);
    restarts.stoppedByHand();
    assert.equal(restarts.delayAfter(ended(137)), undefined);
    restarts.startedByHand();
    assert.equal(restarts.delayAfter(ended(137)), 100);
  }
});

test("a first start that fails is not repeated; one by the policy is", () => {
  const { restarts } = made("always");
  assert.equal(restarts.delayAfter(ended(127, null)), undefined);
  assert.equal(restarts.delayAfter(ended(1)), 100);
  assert.equal(restarts.delayAfter(ended(125, null)), 200);
});

test("the next engine goes on; after a boot of the host `always` forgets that it was stopped", () => {
  const first = made("always");
  first.restarts.delayAfter(ended(1));
  first.restarts.stoppedByHand();
  assert.deepEqual(first.written, [
    { version: 1, count: 1 },
    { version: 1, count: 1, stoppedInBoot: "boot-1" },
  ]);
  const [running, stopped] = first.written;
  assert.ok(running && stopped);
  const delay = (policy: string, record: VmRestartRecord, boot: string): number | undefined => {
    const { restarts } = made(policy, boot);
    restarts.load(record);
    return restarts.delayAfterAbsence(ended(137));
  };
  for (const policy of ["always", "unless-stopped"]) {
    assert.equal(delay(policy, running, "boot-1"), 100);
    assert.equal(delay(policy, stopped, "boot-1"), undefined);
    assert.equal(delay(policy, running, "boot-2"), 100);
  }
  assert.equal(delay("always", stopped, "boot-2"), 100);
  assert.equal(delay("unless-stopped", stopped, "boot-2"), undefined);
});

test("nothing is written of a VM without a policy", () => {
  const { restarts, written } = made("no");
  restarts.stoppedByHand();
  restarts.startedByHand();
  assert.deepEqual(written, []);
});
