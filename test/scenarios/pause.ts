import assert from "node:assert/strict";
import { test } from "node:test";
import type { Suite } from "./suite.ts";

/** Counts as fast as it can, with a line now and then; ends with its own code when it is told to. */
const counter = `trap 'exit 5' TERM; n=0; while :; do n=$((n+1)); [ $((n % 2000)) = 0 ] && echo $((n / 2000)); done`;

const statsFormat = "{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}";

export function pauseScenarios(get: () => Suite): void {
  test("a VM is watched and renamed; paused, it stands still, also for the next engine, and goes on where it was", async () => {
    const { mocker, images } = get();
    const id = (await mocker.ok(["run", "-d", "--name", "busy", images.busybox, "sh", "-c", counter])).trim();
    await mocker.until(["logs", "busy"], /^2$/m);
    const stats = (): Promise<string> => mocker.ok(["stats", "--no-stream", "--format", statsFormat, "busy"]);
    const [, percent = "0"] = /^busy (\d+\.\d\d)% [\d.]+[KM]iB \/ 1GiB [1-9]\d*\n$/.exec(await stats()) ?? [];
    assert.ok(Number(percent) > 1, percent);
    assert.match(
      await mocker.ok(["top", "busy"]),
      /^UID +PID +PPID +C +STIME +TTY +TIME +CMD\nroot .* sh -c trap/,
    );
    assert.match(await mocker.ok(["top", "busy", "-o", "pid,comm"]), /^PID +COMMAND\n\d+ +sh\n$/);

    await mocker.ok(["pause", "busy"]);
    assert.match(
      await mocker.ok(["ps", "--format", "{{.Names}} {{.State}} {{.Status}}"]),
      /^busy paused Up .* \(Paused\)/,
    );
    const exec = await mocker.run(["exec", "busy", "true"]);
    assert.deepEqual(
      [exec.code, /Container busy is paused, unpause the container before exec/.test(exec.stderr)],
      [1, true],
    );
    const lines = await mocker.ok(["logs", "busy"]);
    assert.match(await stats(), /^busy 0\.00% /);
    process.kill(await mocker.enginePid(), "SIGKILL");
    await mocker.until(["ps", "--format", "{{.State}}"], /^paused$/m);
    assert.equal(await mocker.ok(["logs", "busy"]), lines);

    await mocker.ok(["rename", "busy", "busier"]);
    await mocker.ok(["unpause", "busier"]);
    const more = await mocker.until(["logs", "busier"], (text) => text.length > lines.length);
    const numbers = more.trim().split("\n").map(Number);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    );

    await mocker.ok(["pause", "busier"]);
    await mocker.ok(["stop", "busier"]);
    assert.equal((await mocker.ok(["wait", "busier"])).trim(), "5");
    const seen = ["events", "--since", "1h", "--until", "0s", "--format", "{{.Action}}"];
    // Those of the engine before went with it.
    assert.deepEqual((await mocker.ok([...seen, "--filter", `container=${id}`])).trim().split("\n"), [
      "rename",
      "unpause",
      "pause",
      "kill",
      "unpause",
      "die",
      "stop",
    ]);
    await mocker.ok(["update", "--memory", "256m", "busier"]);
    assert.equal(
      await mocker.ok(["inspect", "-f", "{{.HostConfig.Memory}}", "busier"]),
      `${256 * 1024 * 1024}\n`,
    );
    assert.match(await mocker.ok(["container", "prune", "-f"]), new RegExp(`^Deleted Containers:\n${id}\n`));
  });
}
