import assert from "node:assert/strict";
import { chmodSync, copyFileSync, cpSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { nativeDir } from "../native/vm.ts";
import { Mocker } from "../support/mocker.ts";
import { tmpDir } from "../support/tmp-dir.ts";
import { hostileAgent } from "./hostile-agent.ts";

// A microVM whose guest agent was taken over: what it may do to its own VM, it may do to nobody else.

describe("a guest agent that lies", () => {
  const parts = join(tmpDir(), "native");
  const agent = join(parts, "mocker-agent");
  // One that never answers is waited for as long as on an ordinary machine.
  const mocker = new Mocker({ env: { MOCKER_NATIVE_DIR: parts, MOCKER_AGENT_TIMEOUT_MS: "30000" } });
  let registry: Registry;
  let image = "";
  let enginePid = 0;
  let engineKiB = 0;

  /** Of the process, at present and at most so far. */
  function memoryKiB(pid: number): { now: number; most: number } {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const value = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
    return { now: value("VmRSS"), most: value("VmHWM") };
  }

  /** What starts a VM, whose agent is the lying one. */
  const runLiar = (...args: string[]): string[] => ["run", "--network", "none", ...args];

  before(async () => {
    registry = await startRegistry();
    image = `${registry.host}/busybox`;
    cpSync(nativeDir, parts, { recursive: true });
    await mocker.ok(["run", "-d", "--name", "honest", "--network", "none", image, "sleep", "100000"]);
    enginePid = await mocker.enginePid();
    engineKiB = memoryKiB(enginePid).now;
    // Each VM takes the agent that is there at its start.
    copyFileSync(await hostileAgent(), `${agent}.new`);
    chmodSync(`${agent}.new`, 0o755);
    renameSync(`${agent}.new`, agent);
    await mocker.ok(runLiar("-d", "--name", "liar", image, "lie"));
  });
  after(async () => {
    await mocker.close();
    await registry?.stop();
  });

  async function othersAreRight(): Promise<void> {
    assert.equal(await mocker.ok(["exec", "honest", "echo", "right"]), "right\n");
    assert.equal(await mocker.enginePid(), enginePid);
  }

  const lies: [lie: string, code: number | "a failure", stdout: string][] = [
    ["forge", 255, "forged\n"],
    ["say-twice", 3, ""],
    ["half-close", "a failure", "half\n"],
    ["announce-giant", "a failure", ""],
    ["overrun", 0, "cut off\n"],
    ["flood", 0, "cut off\n"],
    ["crowd", 0, "let in\n"],
    ["no-such-lie", 127, ""],
  ];
  for (const [lie, code, stdout] of lies) {
    test(`its exec ends, whatever it says, and nobody else is disturbed: ${lie}`, async () => {
      const ended = await mocker.run(["exec", "liar", lie]);
      if (code === "a failure") assert.notEqual(ended.code, 0);
      else assert.equal(ended.code, code, ended.stderr);
      assert.equal(ended.stdout.toString(), stdout, ended.stderr);
      await othersAreRight();
    });
  }

  test("both run, as far as anybody is told, and cost engine and monitor little", async () => {
    const list = await mocker.ok(["ps", "--format", "{{.Names}} {{.Status}}"]);
    assert.match(list, /^liar Up /m);
    assert.match(list, /^honest Up /m);
    assert.equal(await mocker.ok(["logs", "liar"]), "lying\n");
    const { most } = memoryKiB(enginePid);
    assert.ok(most - engineKiB < 100_000, `the engine's memory: ${engineKiB} KiB to ${most} KiB`);
    const [{ State: state }] = JSON.parse(await mocker.ok(["inspect", "liar"])) as [
      { State: { Pid: number } },
    ];
    const monitor = memoryKiB(state.Pid);
    assert.ok(monitor.most < 32_000, `the monitor's memory: ${monitor.most} KiB`);
  });

  test("when it does not answer any more, what asks it ends, and it can be removed", async () => {
    const ended = await mocker.run(["exec", "liar", "be-deaf"]);
    assert.match(ended.stderr, /the guest agent did not answer within 30 seconds/);
    assert.notEqual(ended.code, 0);
    await othersAreRight();
    await mocker.ok(["rm", "-f", "liar"]);
    assert.equal(await mocker.ok(["ps", "-a", "--format", "{{.Names}}"]), "honest\n");
  });

  test("a start that it never answers ends with the VM's removal", async () => {
    const start = mocker.start(runLiar("--name", "mute", "--hostname", "mute", image, "lie"));
    // It has been asked by then.
    await start.waitForOutput(/mute/);
    await mocker.ok(["rm", "-f", "mute"]);
    const { code, stderr } = await start.exited;
    assert.notEqual(code, 0);
    assert.match(stderr, /container mute was removed while it was starting/);
    await othersAreRight();
  });

  test("an exit code that there is not becomes one that there is, and the first counts", async () => {
    const { code, stdout } = await mocker.run(runLiar("--name", "odd", image, "leave"));
    assert.deepEqual([code, stdout.toString()], [255, "lying\n"]);
    assert.equal((await mocker.ok(["wait", "odd"])).trim(), "255");
    await mocker.ok(["rm", "odd"]);
    await othersAreRight();
    assert.equal(await mocker.ok(["ps", "-a", "--format", "{{.Names}}"]), "honest\n");
  });
});
