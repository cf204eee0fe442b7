import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Suite } from "./suite.ts";

/** Ends with its own code when it is told to, after a line that proves the signal came. */
const service = `trap 'echo terminated; exit 42' TERM; echo ready; n=0; while :; do n=$((n+1)); echo "tick $n"; sleep 0.2; done`;

export function lifecycleScenarios(get: () => Suite): void {
  test("detached: logs -f, two execs at once, stop, start again, rm", async () => {
    const { runtime, mocker, images } = get();
    const id = (
      await mocker.ok(["run", "-d", "--name", "service", images.busybox, "sh", "-c", service])
    ).trim();
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.match(
      await mocker.ok(["ps", "--filter", "name=service", "--format", "{{.State}} {{.Runtime}} {{.Status}}"]),
      runtime === "krun" ? /^running krun Up / : /^running simulation Up .*\(simulation\)/,
    );
    const inspected = JSON.parse(await mocker.ok(["inspect", "service"]))[0];
    assert.equal(inspected.HostConfig.Runtime, runtime);

    const follower = mocker.start(["logs", "-f", "service"]);
    await follower.waitForOutput(/tick 3/);

    const [first, second] = await Promise.all([
      mocker.run(["exec", "service", "sh", "-c", "sleep 0.5; echo one; exit 3"]),
      mocker.run(["exec", "-i", "-e", "X=two", "-w", "/tmp", "service", "sh", "-c", "echo $X; pwd; cat"], {
        stdin: Buffer.from("three"),
      }),
    ]);
    assert.deepEqual([first.stdout.toString(), first.code], ["one\n", 3], first.stderr);
    assert.deepEqual([second.stdout.toString(), second.code], ["two\n/tmp\nthree", 0], second.stderr);
    const missing = await mocker.run(["exec", "service", "no-such-command"]);
    assert.deepEqual([missing.code, missing.stderr.includes("no-such-command")], [127, true]);

    // Folders of another owner must not be in the way of `rm` either.
    const foreign =
      "echo kept > /root-file; mkdir /foreign; touch /foreign/file; chown -R 1000:1000 /foreign; chmod 700 /foreign";
    await mocker.ok(["exec", "service", "sh", "-c", foreign]);
    await mocker.ok(["stop", "service"]);
    assert.match(await follower.output(), /terminated\n$/);
    assert.match(
      await mocker.ok(["ps", "-a", "--filter", "name=service", "--format", "{{.Status}}"]),
      /^Exited \(42\)/,
    );
    assert.equal((await mocker.ok(["wait", "service"])).trim(), "42");

    await mocker.ok(["start", "service"]);
    assert.equal(await mocker.ok(["exec", "service", "cat", "/root-file"]), "kept\n");
    const running = await mocker.run(["rm", "service"]);
    assert.equal(running.code, 1);
    assert.match(running.stderr, /running/);
    await mocker.ok(["rm", "-f", "service"]);
    assert.equal(await mocker.ok(["ps", "-aq"]), "");
    assert.deepEqual(readdirSync(join(mocker.dataDir, "state")), []);
    assert.ok(!existsSync(join(mocker.runDir, "vm", id.slice(0, 12))));
  });

  test("stop kills what does not listen, after its grace", async () => {
    const { mocker, images } = get();
    await mocker.ok([
      "run",
      "-d",
      "--name",
      "deaf",
      images.busybox,
      "sh",
      "-c",
      "trap '' TERM; echo ready; while :; do sleep 1; done",
    ]);
    await mocker.until(["logs", "deaf"], /ready/);
    await mocker.ok(["stop", "-t", "1", "deaf"]);
    assert.equal((await mocker.ok(["wait", "deaf"])).trim(), "137");
    await mocker.ok(["rm", "deaf"]);
  });
}

/** What no runtime has a part in but that a VM prints. */
export function recordScenarios(get: () => Suite): void {
  test("a name that is taken is a conflict that names it", async () => {
    const { mocker, images } = get();
    await mocker.ok(["create", "--name", "taken", images.busybox, "true"]);
    const second = await mocker.run(["run", "--name", "taken", images.busybox, "true"]);
    assert.equal(second.code, 125);
    assert.match(second.stderr, /"\/taken" is already in use/);
    await mocker.ok(["rm", "taken"]);
  });

  test("logs: tail, timestamps, both streams", async () => {
    const { mocker, images } = get();
    await mocker.ok(["run", "--name", "logged", images.busybox, "sh", "-c", "echo a; echo b >&2; printf c"]);
    const all = await mocker.run(["logs", "logged"]);
    assert.deepEqual([all.stdout.toString(), all.stderr], ["a\nc", "b\n"]);
    assert.equal((await mocker.run(["logs", "--tail", "1", "logged"])).stdout.toString(), "c");
    assert.match(
      (await mocker.run(["logs", "-t", "logged"])).stdout.toString(),
      /^20\d\d-\d\d-\d\dT[\d:.]+Z a\n/,
    );
    await mocker.ok(["rm", "logged"]);
  });
}
