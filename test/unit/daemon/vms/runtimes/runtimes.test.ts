import assert from "node:assert/strict";
import { test } from "node:test";
import type { Availability, Runtime } from "../../../../../engine/daemon/vms/runtimes/runtime.ts";
import { Runtimes } from "../../../../../engine/daemon/vms/runtimes/runtimes.ts";
import type { RuntimeName } from "../../../../../engine/protocol/engine.ts";

function runtime(name: RuntimeName, availability: Availability, problem?: string): Runtime {
  const unused = async () => assert.fail("nothing is prepared");
  return {
    name,
    availability: () => availability,
    unaskedProblem: async () => problem,
    cardsProblem: () => undefined,
    prepare: unused,
    prepareCopy: unused,
    prepareChange: unused,
  };
}

const broken: Availability = { usable: false, code: "KVM_UNAVAILABLE", reason: "no KVM", hint: "buy one" };
const usable: Availability = { usable: true };

test("auto is krun where a VM can boot, else the simulation with the reason", async () => {
  const simulation = runtime("simulation", usable);
  const good = new Runtimes(runtime("krun", usable), simulation);
  assert.equal((await good.choose("auto")).runtime.name, "krun");
  const { runtime: chosen, simulationReason } = await new Runtimes(
    runtime("krun", broken),
    simulation,
  ).choose("auto");
  assert.deepEqual([chosen.name, simulationReason], ["simulation", "no KVM"]);
});

test("krun by name fails closed", async () => {
  const runtimes = new Runtimes(runtime("krun", broken), runtime("simulation", usable));
  await assert.rejects(runtimes.choose("krun"), { code: "KVM_UNAVAILABLE", hint: "buy one" });
});

test("a simulation whose root would be the host's is had by name only", async () => {
  const simulation = runtime("simulation", usable, "the file system cannot map owners");
  const runtimes = new Runtimes(runtime("krun", broken), simulation);
  await assert.rejects(runtimes.choose("auto"), {
    code: "FEATURE_UNAVAILABLE",
    message:
      "no microVM can run here (no KVM), and a simulated one would be root on this host: the file system cannot map owners",
    hint: /--runtime simulation$/,
  });
  assert.equal(runtimes.automatic().runtime.name, "simulation");
  assert.equal((await runtimes.choose("simulation")).runtime.name, "simulation");
  const good = new Runtimes(runtime("krun", usable), simulation);
  assert.equal((await good.choose("auto")).runtime.name, "krun");
});
