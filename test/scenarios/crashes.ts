import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inLab } from "../support/paths.ts";
import type { Suite } from "./suite.ts";

export function crashScenarios(get: () => Suite): void {
  test("the engine killed under a VM that prints: nothing is lost, everything works afterwards", async () => {
    const { mocker, images } = get();
    const script = `trap 'exit 9' TERM; n=0; while :; do n=$((n+1)); echo "line $n"; sleep 0.05; done`;
    await mocker.ok(["run", "-d", "--name", "survivor", images.busybox, "sh", "-c", script]);
    await mocker.until(["logs", "survivor"], /line 5\n/);
    for (let round = 0; round < (inLab ? 1 : 2); round++) {
      process.kill(await mocker.enginePid(), "SIGKILL");
      const seen = (await mocker.ok(["logs", "--tail", "1", "survivor"])).trim();
      await mocker.until(["logs", "--tail", "1", "survivor"], (text) => text.trim() !== seen);
    }
    assert.match(await mocker.ok(["ps", "--format", "{{.Names}} {{.State}}"]), /survivor running/);
    assert.equal(await mocker.ok(["exec", "survivor", "echo", "still here"]), "still here\n");
    await mocker.ok(["stop", "survivor"]);
    assert.equal((await mocker.ok(["wait", "survivor"])).trim(), "9");
    const lines = (await mocker.ok(["logs", "survivor"])).trim().split("\n");
    assert.deepEqual(
      lines,
      lines.map((_, index) => `line ${index + 1}`),
    );
    await mocker.ok(["rm", "survivor"]);
  });

  test("a VM that ends while no engine runs keeps its exit code, and --rm is honoured", async () => {
    const { mocker, images } = get();
    const folder = join(mocker.dir, "go");
    mkdirSync(folder);
    const end = (code: number) => ["sh", "-c", `until [ -e /go/now ]; do sleep 0.1; done; exit ${code}`];
    const run = ["run", "-d", "-v", `${folder}:/go:ro`];
    await mocker.ok([...run, "--name", "alone", images.busybox, ...end(6)]);
    await mocker.ok([...run, "--rm", "--name", "fleeting", images.busybox, ...end(0)]);
    const pids = JSON.parse(await mocker.ok(["inspect", "alone", "fleeting"])).map(
      (vm: { State: { Pid: number } }) => vm.State.Pid,
    );
    process.kill(await mocker.enginePid(), "SIGKILL");
    writeFileSync(join(folder, "now"), "");
    for (const pid of pids) await mocker.waitForProcessEnd(pid);
    assert.equal((await mocker.ok(["wait", "alone"])).trim(), "6");
    assert.equal(await mocker.ok(["ps", "-a", "--format", "{{.Names}}"]), "alone\n");
    await mocker.ok(["rm", "alone"]);
  });

  test("a killed VM process is reported with the reason, and its name can be used again", async () => {
    const { mocker, images } = get();
    await mocker.ok(["run", "-d", "--name", "victim", images.busybox, "sleep", "1000"]);
    const [{ State: state }] = JSON.parse(await mocker.ok(["inspect", "victim"]));
    process.kill(state.Pid, "SIGKILL");
    assert.equal((await mocker.ok(["wait", "victim"])).trim(), "137");
    const [{ State: after }] = JSON.parse(await mocker.ok(["inspect", "victim"]));
    assert.equal(after.Status, "exited");
    assert.match(after.Error, /killed/);
    await mocker.ok(["rm", "victim"]);
    assert.equal((await mocker.run(["run", "--rm", "--name", "victim", images.busybox, "true"])).code, 0);
  });
}
