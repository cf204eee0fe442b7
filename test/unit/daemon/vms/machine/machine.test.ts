import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Log } from "../../../../../engine/daemon/log.ts";
import { idleProcess } from "../../../../../engine/daemon/vms/agent-requests.ts";
import type { GuestConfiguration } from "../../../../../engine/daemon/vms/machine/agent-protocol.ts";
import {
  Machine,
  type MachinePlace,
  type MachineSpec,
} from "../../../../../engine/daemon/vms/machine/machine.ts";
import { VmFiles } from "../../../../../engine/daemon/vms/records/vm-record.ts";
import { tmpDir } from "../../../../support/tmp-dir.ts";
import { agentError, FakeLauncher, type MonitorScript } from "./fake-monitor.ts";

const spec: MachineSpec = {
  runtime: "simulation",
  autoRemove: false,
  log: { maxBytes: 1000, maxFiles: 1, kept: true },
  simulation: { network: "none", paths: [] },
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
    [where.id, where.files.dir, where.runDir, "/agent", "simulation", { network: "none", paths: [] }],
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
  await machine.stop(15, 10);
  assert.deepEqual(launcher.kills, [], "what has ended is not killed");
});

test("a grace that is no number of milliseconds for JSON is a very long one", async () => {
  const { machine, launcher } = await started();
  await machine.stop(15, 1e30);
  assert.deepEqual(await launcher.last.request("stop"), { signal: 15, graceMs: 2 ** 31 * 1000 });
});

test("an archive is asked of the agent as such", async () => {
  const { machine, launcher } = await started();
  const stream = await machine.archive({ path: "/etc/", name: "etc", followLink: true });
  const { archive, argv, user, cwd } = await launcher.last.request("exec");
  assert.deepEqual([archive, argv, user, cwd], [true, ["copy", "/etc/", "etc", "follow"], "", "/"]);
  stream.destroy();
});
