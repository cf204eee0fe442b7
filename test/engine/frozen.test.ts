import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { Mocker } from "../support/mocker.ts";

describe("a guest or a monitor that stands still", () => {
  const mocker = new Mocker({ env: { MOCKER_AGENT_TIMEOUT_MS: "1500" } });
  let registry: Registry;
  let image = "";
  before(async () => {
    registry = await startRegistry();
    image = `${registry.host}/busybox`;
    await mocker.ok(["pull", "-q", image]);
  });
  after(async () => {
    await mocker.close();
    await registry?.stop();
  });

  interface Processes {
    monitor: number;
    guest: number;
  }

  async function running(name: string, script = "echo up; sleep 1000"): Promise<Processes> {
    await mocker.ok(["run", "-d", "--name", name, "--runtime", "simulation", image, "sh", "-c", script]);
    const [{ Id: id, State: state }] = JSON.parse(await mocker.ok(["inspect", name]));
    const record = JSON.parse(readFileSync(join(mocker.dataDir, "state", id, "runtime.json"), "utf8"));
    assert.equal(record.pid, state.Pid);
    return { monitor: record.pid, guest: record.childPid };
  }

  for (const part of ["monitor", "guest"] as const) {
    test(`what is asked of a VM with a stopped ${part} ends in time, and it can be removed`, async () => {
      const processes = await running("still");
      process.kill(processes[part], "SIGSTOP");
      for (const command of [
        ["exec", "still", "true"],
        ["attach", "still"],
        ["cp", "still:/etc", join(mocker.dir, "etc")],
      ]) {
        const { code, stderr } = await mocker.run(command);
        assert.notEqual(code, 0, command[0]);
        assert.match(stderr, /the guest agent did not answer within 1.5 seconds/, command[0]);
        assert.match(stderr, /mocker kill/, command[0]);
      }
      await mocker.ok(["rm", "-f", "still"]);
      assert.equal(await mocker.ok(["ps", "-aq"]), "");
      await mocker.waitForProcessEnd(processes.monitor);
    });
  }

  test("an engine that finds a stopped monitor says so, and the VM can be removed", async () => {
    const { monitor } = await running("found");
    process.kill(monitor, "SIGSTOP");
    const engine = await mocker.enginePid();
    process.kill(engine, "SIGKILL");
    await mocker.waitForProcessEnd(engine);
    assert.match(await mocker.ok(["ps", "--format", "{{.Names}} {{.Status}}"]), /^found Up /);
    for (const command of [
      ["exec", "found", "true"],
      ["attach", "found"],
      ["cp", "found:/etc", join(mocker.dir, "etc")],
    ]) {
      const { code, stderr } = await mocker.run(command);
      assert.notEqual(code, 0, command[0]);
      assert.match(stderr, /the VM's monitor did not answer within 1.5 seconds/, command[0]);
      assert.match(stderr, /mocker kill, or mocker rm -f/, command[0]);
    }
    await mocker.ok(["rm", "-f", "found"]);
    assert.equal(await mocker.ok(["ps", "-aq"]), "");
    await mocker.waitForProcessEnd(monitor);
  });

  test("a VM whose guest stood still goes on when that is over", async () => {
    const { guest } = await running("again");
    process.kill(guest, "SIGSTOP");
    assert.notEqual((await mocker.run(["exec", "again", "true"])).code, 0);
    process.kill(guest, "SIGCONT");
    await mocker.until(["exec", "again", "echo", "back"], /back/);
    await mocker.ok(["rm", "-f", "again"]);
  });

  test("the output of a VM that is killed from outside is in its log to the end", async () => {
    const { guest } = await running("cut", "echo first; printf rest; sleep 1000");
    await mocker.until(["logs", "cut"], /first/);
    process.kill(guest, "SIGSTOP");
    await mocker.ok(["kill", "cut"]);
    assert.equal((await mocker.ok(["wait", "cut"])).trim(), "137");
    assert.equal(await mocker.ok(["logs", "cut"]), "first\nrest");
    const [{ State: state }] = JSON.parse(await mocker.ok(["inspect", "cut"]));
    assert.match(state.Error, /the VM's process was killed by SIGKILL/);
    await mocker.ok(["rm", "cut"]);
  });
});
