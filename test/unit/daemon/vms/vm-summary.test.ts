import assert from "node:assert/strict";
import { test } from "node:test";
import type { VmConfig } from "../../../../engine/daemon/vms/records/vm-record.ts";
import { summaryOf, type VmRuntimeState } from "../../../../engine/daemon/vms/vm-summary.ts";
import type { JailLayer } from "../../../../engine/protocol/vm.ts";

const config: VmConfig = {
  ...{ version: 3, id: "ab".repeat(32), name: "box", image: "box", imageId: "sha256:1" },
  ...{ createdAt: "2026-01-01T00:00:00Z", runtime: "krun", entrypoint: [], cmd: ["serve"], env: [] },
  ...{ workingDir: "/", user: "", hostname: "box", tty: false, openStdin: false, autoRemove: false },
  ...{
    mounts: [],
    cpus: 1,
    memoryMiB: 64,
    network: { mode: "none" },
    domainname: "",
    dns: {},
    extraHosts: [],
  },
  ...{ exposedPorts: [], publishAll: false, ports: [], labels: {}, stopSignal: "SIGTERM" },
  stopTimeoutSeconds: 10,
};

function status(changes: Partial<VmConfig>, jail?: JailLayer[]): string {
  const state: VmRuntimeState = {
    ...{ state: "running", running: true, startedAt: new Date().toISOString(), exit: undefined, pid: 1 },
    ...{
      guestKernelVersion: undefined,
      bootMs: undefined,
      jail,
      connection: undefined,
      restartCount: 0,
      health: undefined,
    },
  };
  return summaryOf({ ...config, ...changes }, state).status.replace(/^Up .* second(s)?/, "Up");
}

test("the list marks VMs that are contained by less than others", () => {
  const weak = { securityOpt: ["jail=weak"] };
  const ownRoot = (on: boolean): JailLayer[] => [{ name: "own root", on }];
  assert.equal(status({}), "Up");
  assert.equal(status({ runtime: "simulation", ...weak }), "Up (simulation)");
  assert.equal(status(weak), "Up (weak jail)");
  assert.equal(status(weak, ownRoot(false)), "Up (weak jail)");
  assert.equal(status(weak, ownRoot(true)), "Up");
});
