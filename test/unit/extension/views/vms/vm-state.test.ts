import assert from "node:assert/strict";
import { test } from "node:test";
import type { VmSummary } from "../../../../../engine/protocol/index.ts";
import { vmLook, vmStatus } from "../../../../../extension/views/vms/vm-state.ts";

process.env.TZ = "UTC";

function vm(more: Partial<VmSummary>): VmSummary {
  return {
    id: "1",
    name: "web",
    image: "alpine",
    imageId: "sha256:a",
    command: ["sh"],
    createdAt: "2026-01-01T00:00:00Z",
    startedAt: "2026-01-02T12:00:00Z",
    state: "running",
    status: "Up 1 second",
    runtime: "krun",
    labels: {},
    mounts: [],
    networks: [],
    ports: [],
    ...more,
  };
}
const ended = { finishedAt: "2026-01-03T12:00:00Z" };

test("each state has a word, and what matters a shape of its own", () => {
  const looks = [
    vmLook(vm({}), undefined),
    vmLook(vm({}), "stopping"),
    vmLook(vm({ state: "paused" }), undefined),
    vmLook(vm({ state: "created" }), undefined),
    vmLook(vm({ state: "exited", exitCode: 0 }), undefined),
    vmLook(vm({ state: "exited", exitCode: 3 }), undefined),
    vmLook(vm({ state: "exited", exitCode: 137 }), "stopped"),
    vmLook(vm({ state: "failed" }), undefined),
    vmLook(vm({ state: "dead" }), undefined),
    vmLook(vm({ healthStatus: "starting" }), undefined),
    vmLook(vm({ healthStatus: "healthy" }), undefined),
    vmLook(vm({ healthStatus: "unhealthy" }), undefined),
  ];
  assert.deepEqual(
    looks.map(({ word, icon }) => `${word}: ${icon}`),
    [
      "running: vm-running",
      "stopping…: loading~spin",
      "paused: debug-pause",
      "created: circle-outline",
      "exited (0): vm",
      "exited (3): error",
      "stopped: vm",
      "failed: error",
      "dead: error",
      "running (health: starting): vm-running",
      "running (healthy): vm-running",
      "running (unhealthy): warning",
    ],
  );
});

test("a status has the time at which it began, not an age", () => {
  const status = (more: Partial<VmSummary>) => vmStatus(vm(more), undefined, "en-GB");
  assert.equal(status({}), "running since 2 Jan 2026, 12:00");
  assert.equal(status({ state: "created" }), "created, 1 Jan 2026, 00:00");
  assert.equal(status({ state: "exited", exitCode: 3, ...ended }), "exited (3), 3 Jan 2026, 12:00");
  const stopped = vmStatus(vm({ state: "exited", ...ended }), "stopped", "en-GB");
  assert.equal(stopped, "stopped, 3 Jan 2026, 12:00");
  assert.equal(status({ state: "dead" }), "dead");
  assert.equal(status({ startedAt: "" }), "running");
});
