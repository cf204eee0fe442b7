import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Log } from "../../../../../engine/daemon/log.ts";
import { idleProcess } from "../../../../../engine/daemon/vms/agent-requests.ts";
import type { GuestConfiguration } from "../../../../../engine/daemon/vms/machine/agent-protocol.ts";
import { Exec } from "../../../../../engine/daemon/vms/machine/exec.ts";
import {
  Machine,
  type MachinePlace,
  type MachineSpec,
} from "../../../../../engine/daemon/vms/machine/machine.ts";
import { VmFiles } from "../../../../../engine/daemon/vms/records/vm-record.ts";
import { MockerError } from "../../../../../engine/protocol/errors.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { agentError, FakeLauncher, guestPids, type MonitorScript } from "./fake-monitor.ts";

const spec: MachineSpec = {
  runtime: "simulation",
  autoRemove: false,
  log: { maxBytes: 1000, maxFiles: 1, kept: true },
  simulation: { network: "none", hostIds: false, cpus: 1, memoryMiB: 64, paths: [] },
};

const configuration: GuestConfiguration = {
  hostname: "box",
  rootfs: { kind: "overlay", lower: "/lower", upper: "/upper", work: "/work" },
  mounts: [],
  dns: { servers: [], search: [], options: [] },
  hosts: [],
  timeUnixNs: 0,
  disposable: false,
};

function place(script: MonitorScript = {}): MachinePlace & { launcher: FakeLauncher } {
  const dir = tmpDir();
  const launcher = new FakeLauncher();
  launcher.script = script;
  mkdirSync(join(dir, "state"));
  return {
    id: "c".repeat(64),
    files: new VmFiles(join(dir, "state")),
    runDir: join(dir, "run"),
    launcher,
    log: new Log(join(dir, "engine.jsonl"), "debug"),
  };
}

async function started(script: MonitorScript = {}): Promise<{ machine: Machine; launcher: FakeLauncher }> {
  const where = place(script);
  const machine = await Machine.launch(where, spec);
  await machine.connect();
  await machine.start(configuration, idleProcess());
  return { machine, launcher: where.launcher };
}

test("a machine is launched from its spec, and takes its sockets' directory away with it", async () => {
  const where = place();
  writeFileSync(where.files.exitPath, "of the last launch");
  const machine = await Machine.launch(where, spec);
  const written = JSON.parse(readFileSync(where.files.specPath, "utf8"));
  assert.deepEqual(
    [written.vmId, written.stateDir, written.runDir, written.agentPath, written.runtime, written.simulation],
    [where.id, where.files.dir, where.runDir, "/agent", "simulation", spec.simulation],
  );
  assert.equal(existsSync(where.files.exitPath), false);
  await machine.connect();
  where.launcher.last.exit({ exitCode: 4 });
  assert.equal((await machine.ended).exitCode, 4);
  assert.equal(existsSync(where.runDir), false);
});

test("a launch that is cancelled starts nothing and leaves the last launch's record", async () => {
  const where = place();
  writeFileSync(where.files.exitPath, "of the last launch");
  const signal = AbortSignal.abort(new Error("stopped"));
  await assert.rejects(Machine.launch(where, spec, { signal }), { message: "stopped" });
  assert.equal(where.launcher.monitors.length, 0);
  assert.equal(existsSync(where.files.exitPath), true);
});

test("a monitor that cannot be spawned leaves no directory for its sockets", async () => {
  const where = place();
  where.launcher.spawn = () => {
    throw Object.assign(new Error("spawn mocker-vmm ENOENT"), { code: "ENOENT" });
  };
  await assert.rejects(Machine.launch(where, spec), { code: "ENOENT" });
  assert.equal(existsSync(where.runDir), false);
});

test("a monitor that dies at once fails the start with the last line that it wrote", async () => {
  const where = place({ listens: false });
  const machine = await Machine.launch(where, spec);
  writeFileSync(where.files.vmmLogPath, "first line\nmocker-vmm: no memory\n");
  const connecting = machine.connect();
  where.launcher.last.die();
  const error = await connecting.catch((thrown) => machine.fail(thrown));
  assert.ok(error instanceof Error);
  assert.deepEqual(
    { ...error, message: error.message },
    {
      name: "MockerError",
      code: "VM_FAILED",
      details: undefined,
      message: "the VM's process (mocker-vmm) was killed from outside",
      hint: "mocker-vmm: no memory",
    },
  );
});

test("a monitor that fails and cannot record why was not killed", async () => {
  const where = place({ listens: false });
  const spawn = where.launcher.spawn.bind(where.launcher);
  where.launcher.spawn = (specPath) => ({ ...spawn(specPath), exited: Promise.resolve(1) });
  const machine = await Machine.launch(where, spec);
  const connecting = machine.connect();
  where.launcher.last.die();
  await connecting.catch((thrown) => machine.fail(thrown));
  const { exitCode, reason, message } = await machine.ended;
  assert.deepEqual({ exitCode, reason }, { exitCode: 125, reason: "start-failed" });
  assert.match(message, /could not record why, as on a full disk/);
});

test("a boot that failed is told in the monitor's words", async () => {
  const where = place({ answers: { configure: () => undefined } });
  const machine = await Machine.launch(where, spec);
  await machine.connect();
  const starting = machine.start(configuration, idleProcess());
  await where.launcher.last.request("configure");
  where.launcher.last.exit({ exitCode: 125, reason: "boot-failed", message: "the agent did not answer" });
  const error = await starting.catch((thrown) => machine.fail(thrown));
  assert.equal(error?.message, "the agent did not answer");
  assert.equal((await machine.ended).reason, "boot-failed");
});

test("a host that lets no VM be jailed is told of with what to do", async () => {
  const where = place({ answers: { configure: () => undefined } });
  const machine = await Machine.launch(where, spec);
  await machine.connect();
  const starting = machine.start(configuration, idleProcess());
  await where.launcher.last.request("configure");
  where.launcher.last.exit({ exitCode: 125, reason: "jail-refused", message: "no root of its own" });
  const error = await starting.catch((thrown) => machine.fail(thrown));
  assert.ok(error instanceof MockerError);
  assert.deepEqual([error.code, error.message], ["FEATURE_UNAVAILABLE", "no root of its own"]);
  assert.match(error.hint ?? "", /--security-opt jail=weak$/);
});

test("a start that the guest refuses ends the machine and is written down", async () => {
  const where = place({ answers: { start: () => agentError("NOT_FOUND", "no such command") } });
  const machine = await Machine.launch(where, spec);
  await machine.connect();
  const error = await machine.start(configuration, idleProcess()).catch((thrown) => machine.fail(thrown));
  assert.equal(error?.message, "no such command");
  const exit = await machine.ended;
  assert.deepEqual([exit.exitCode, exit.reason], [127, "start-failed"]);
  assert.deepEqual(await where.files.readExit(), exit);
});

test("what is asked of a machine that ends meanwhile is refused, and what is asked later", async () => {
  const { machine, launcher } = await started({ answers: { resize: () => undefined } });
  const asked = assert.rejects(machine.resize("main", 1, 1), { code: "AGENT_UNREACHABLE" });
  await launcher.last.request("resize");
  launcher.last.die();
  await asked;
  assert.equal((await machine.ended).reason, "vmm-killed");
  await assert.rejects(machine.resize("main", 1, 1), { code: "AGENT_UNREACHABLE" });
  assert.equal(machine.connected, false);
  await machine.terminate();
  await machine.stop(15, { graceSeconds: 10, keepsFiles: false });
  assert.deepEqual(launcher.kills, [], "what has ended is not killed");
});

test("a grace that is no number of milliseconds for JSON is a very long one", async () => {
  const { machine, launcher } = await started();
  await machine.stop(15, { graceSeconds: 1e30, keepsFiles: false });
  assert.equal((await launcher.last.request("stop")).graceMs, 2 ** 31 * 1000);
});

test("an archive is asked of the agent as such", async () => {
  const { machine, launcher } = await started();
  const stream = await machine.archive({ path: "/etc/", name: "etc", followLink: true });
  const { archive, argv, user, cwd } = await launcher.last.request("exec");
  assert.deepEqual([archive, argv, user, cwd], [true, ["copy", "/etc/", "etc", "follow"], "", "/"]);
  stream.destroy();
});

/** Lets the time of requests into guests be over soon. */
function shortTimeouts(t: TestContext, timeoutMs = "200"): void {
  process.env.MOCKER_AGENT_TIMEOUT_MS = timeoutMs;
  t.after(() => delete process.env.MOCKER_AGENT_TIMEOUT_MS);
}

test("a lost connection is made again, and everything works after that", async () => {
  const { machine, launcher } = await started({ answers: { resize: () => undefined } });
  const monitor = launcher.last;
  const running = new Exec({ vmId: "v", process: { ...idleProcess(), stream: "e1" } });
  await machine.exec(running);
  const inFlight = assert.rejects(machine.resize("main", 1, 1), {
    code: "AGENT_UNREACHABLE",
    message: "the VM ended, or its monitor hung up, before it answered",
  });
  await monitor.request("resize");
  monitor.tell({ event: "monitor" });
  await inFlight;
  await machine.signal("main", 1);
  assert.equal(monitor.controls, 2);
  assert.equal(machine.agent?.kernel, "6.12.0");
  monitor.tell({ event: "execExited", params: { id: "e1", code: 5 } });
  assert.equal(await running.exited, 5, "what ran before ends after it");
  for (let controls = 3; controls <= 5; controls++) {
    monitor.control?.destroy();
    await monitor.until(() => monitor.controls === controls);
    assert.equal((await machine.stats()).processes, 3);
  }
  (await machine.attach(0, false)).destroy();
  await machine.terminate();
  assert.deepEqual(launcher.kills, []);
});

test("requests that a guest does not answer end in time, and say what to do", async (t) => {
  const { machine, launcher } = await started({
    answers: { exec: () => undefined, stats: () => undefined, ping: () => undefined },
  });
  shortTimeouts(t);
  const late = { code: "AGENT_UNREACHABLE", message: "the guest agent did not answer within 0.2 seconds" };
  await assert.rejects(machine.stats(), { ...late, hint: /mocker kill/ });
  await assert.rejects(machine.archive(), late);
  launcher.last.main = "running";
  launcher.last.control?.destroy();
  await launcher.last.until(() => launcher.last.controls === 2);
  await assert.rejects(machine.attach(0, false), late);
  const exec = new Exec({ vmId: "v", process: { ...idleProcess(), stream: "e1" } });
  await assert.rejects(machine.exec(exec), late);
  assert.equal(exec.exitCode, 125);
  await launcher.last.until(() => launcher.last.methods().includes("signal"));
  assert.deepEqual(await launcher.last.request("signal"), { target: "e1", signal: 9 });
});

test("a start that is not answered in time says so, and ends the machine", async (t) => {
  const where = place({ answers: { configure: () => undefined, start: () => undefined } });
  const machine = await Machine.launch(where, spec);
  await machine.connect();
  // Then the agent is known to be there.
  await machine.stats();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const starting = machine.start(configuration, idleProcess()).catch((error) => machine.fail(error));
  await where.launcher.last.request("start");
  t.mock.timers.tick(120_000);
  t.mock.timers.reset();
  const message = "the guest agent did not answer within 120 seconds";
  assert.equal((await starting)?.message, message);
  const exit = await machine.ended;
  assert.deepEqual([exit.reason, exit.message], ["start-failed", message]);
});

test("the time of a request begins when the guest agent is there", async (t) => {
  shortTimeouts(t);
  const where = place({ agent: null });
  const machine = await Machine.launch(where, spec);
  await machine.connect();
  const starting = machine.start(configuration, idleProcess());
  await where.launcher.last.request("start");
  assert.equal(await Promise.race([starting.then(() => "started"), sleep(500, "waiting")]), "started");
});

test("a guest that does not hear of KILL is killed before its monitor, which writes down how it ended", async () => {
  const { machine, launcher } = await started();
  const monitor = launcher.last;
  monitor.writeRuntime();
  monitor.refuseControl();
  const end = machine.terminate();
  const exit = await machine.ended;
  await end;
  assert.deepEqual(launcher.kills, [guestPids + 1]);
  assert.deepEqual([exit.reason, exit.message], ["vm-died", "the VM's process was killed by SIGKILL"]);
});

test("a stop whose grace is over does the same", async () => {
  const { machine, launcher } = await started({ answers: { stop: () => ({}) } });
  launcher.last.writeRuntime();
  await machine.endWithin(10);
  assert.deepEqual(launcher.kills, [guestPids + 1]);
  assert.equal((await machine.ended).reason, "vm-died");
});

test("a monitor that is stopped itself is killed after its guest", async (t) => {
  const { machine, launcher } = await started({ isStopped: true });
  launcher.last.writeRuntime();
  launcher.last.refuseControl();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const end = machine.terminate();
  while (launcher.kills.length < 2) {
    await new Promise((resolve) => setImmediate(resolve));
    t.mock.timers.tick(1000);
  }
  t.mock.timers.reset();
  await end;
  assert.deepEqual(launcher.kills, [guestPids + 1, 1]);
  assert.equal((await machine.ended).reason, "vmm-killed");
});

test("an older monitor, which does not say which its guest's process is, is killed itself", async () => {
  const { machine, launcher } = await started();
  launcher.last.refuseControl();
  await machine.terminate();
  assert.deepEqual(launcher.kills, [1]);
});

test("a monitor is told of its machine's cgroup, and one that it was killed with is removed", async () => {
  const where = place();
  const path = join(where.runDir, "..", "cgroup");
  const limits = [{ file: "pids.max", value: "3" }];
  const machine = await Machine.launch(
    { ...where, cgroups: { launch: async () => ({ path, limits }) } },
    spec,
  );
  assert.deepEqual(JSON.parse(readFileSync(where.files.specPath, "utf8")).cgroup, { path, limits });
  mkdirSync(path);
  machine.kill();
  assert.equal((await machine.ended).reason, "vmm-killed");
  assert.equal(existsSync(path), false);
});
