/** Restart policies, health checks, and what a guest lets its processes do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Suite } from "./suite.ts";

export function policyScenarios(get: () => Suite): void {
  test("a VM that fails is started again as often as its policy says", async () => {
    const { mocker, images } = get();
    const policy = ["--restart", "on-failure:1"];
    await mocker.ok([
      "run",
      "-d",
      ...policy,
      "--name",
      "failing",
      images.busybox,
      "sh",
      "-c",
      "echo ran; exit 3",
    ]);
    assert.equal(await mocker.ok(["wait", "failing"]), "3\n");
    const format = "{{.RestartCount}} {{.State.Restarting}} {{json .HostConfig.RestartPolicy}}";
    assert.equal(
      await mocker.ok(["inspect", "-f", format, "failing"]),
      '1 false {"Name":"on-failure","MaximumRetryCount":1}\n',
    );
    assert.equal(await mocker.ok(["logs", "failing"]), "ran\nran\n");
    await mocker.ok(["rm", "failing"]);
  });

  test("a VM that is to run always does so after its monitor and the engine were killed, until it is stopped", async () => {
    const { mocker, images } = get();
    const script = "echo up; exec sleep 1000";
    await mocker.ok([
      "run",
      "-d",
      "--restart",
      "always",
      "--name",
      "lasting",
      images.busybox,
      "sh",
      "-c",
      script,
    ]);
    await mocker.until(["logs", "lasting"], /up\n/);
    const [pid, engine] = [
      Number(await mocker.ok(["inspect", "-f", "{{.State.Pid}}", "lasting"])),
      await mocker.enginePid(),
    ];
    process.kill(engine, "SIGKILL");
    process.kill(pid, "SIGKILL");
    await mocker.waitForProcessEnd(pid);
    await mocker.until(["logs", "lasting"], /up\nup\n/);
    await mocker.until(["ps", "--format", "{{.Names}} {{.Status}}"], /^lasting Up /m);
    await mocker.ok(["stop", "-t", "0", "lasting"]);
    process.kill(await mocker.enginePid(), "SIGKILL");
    const format = ["--format", "{{.Status}}", "--filter", "name=lasting"];
    assert.match(await mocker.ok(["ps", "-a", ...format]), /^Exited \(1(37|43)\)/);
    await mocker.ok(["rm", "lasting"]);
  });

  test("a VM with --rm is restarted with all that it has written, and goes at its end", async () => {
    const { mocker, images } = get();
    // It ends by the signal, with what it has written not yet on its disk.
    const script =
      "trap 'echo bye >>/said; exit 5' TERM; cat /said; echo hi >>/said; echo up; while :; do sleep 0.1; done";
    const run = ["run", "-d", "--rm", "--name", "fleeting", images.busybox, "sh", "-c", script];
    const id = (await mocker.ok(run)).trim();
    await mocker.until(["logs", "fleeting"], /up\n/);
    await mocker.ok(["restart", "fleeting"]);
    await mocker.until(["logs", "fleeting"], /up\n(?:.|\n)*up\n/);
    assert.equal(await mocker.ok(["logs", "fleeting"]), "up\nhi\nbye\nup\n");
    await mocker.ok(["stop", "fleeting"]);
    await mocker.until(["ps", "-aq", "--no-trunc"], (text) => !text.includes(id));
    const seen = ["events", "--since", "1h", "--until", "0s", "--format", "{{.Action}}", "--filter"];
    assert.deepEqual((await mocker.ok([...seen, `container=${id}`])).trim().split("\n").slice(1, 7), [
      "start",
      "kill",
      "die",
      "stop",
      "start",
      "restart",
    ]);
  });

  test("a health check tells what the VM is like", async () => {
    const { mocker, images } = get();
    const check = [
      "--health-cmd",
      "echo looked; test -e /fine",
      "--health-interval",
      "500ms",
      "--health-retries",
      "1",
    ];
    await mocker.ok(["run", "-d", ...check, "--name", "patient", images.busybox, "sleep", "1000"]);
    await mocker.until(["ps", "--format", "{{.Status}}"], /\(unhealthy\)/);
    await mocker.ok(["exec", "patient", "touch", "/fine"]);
    await mocker.until(
      ["ps", "--filter", "health=healthy", "--format", "{{.Names}} {{.Status}}"],
      /^patient .*\(healthy\)/,
    );
    const health = JSON.parse(await mocker.ok(["inspect", "-f", "{{json .State.Health}}", "patient"]));
    assert.deepEqual([health.Status, health.FailingStreak], ["healthy", 0]);
    assert.deepEqual([health.Log.at(-1).ExitCode, health.Log.at(-1).Output], [0, "looked\n"]);
    await mocker.ok(["rm", "-f", "patient"]);
  });

  test("the guest keeps its processes to what they were given", async () => {
    const { mocker, images, runtime } = get();
    const flags = [
      ...["--read-only", "--tmpfs", "/scratch", "--ulimit", "nofile=100:200", "--group-add", "33"],
      ...["--cap-drop", "ALL", "--cap-add", "CHOWN", "--shm-size", "8m"],
      ...["--sysctl", "net.ipv4.tcp_keepalive_intvl=77"],
    ];
    const script =
      "touch /x 2>/dev/null || echo read-only; touch /scratch/x && ulimit -n; ulimit -Hn; id -G; " +
      "grep CapBnd /proc/self/status | cut -f2; df -k /dev/shm | tail -1 | awk '{print $2}'; " +
      "cat /proc/sys/net/ipv4/tcp_keepalive_intvl";
    assert.deepEqual(
      (await mocker.ok(["run", "--rm", ...flags, images.busybox, "sh", "-c", script])).trim().split("\n"),
      ["read-only", "100", "200", "0 33", "0000000000000001", "8192", "77"],
    );
    // The simulation's kernel is the host's.
    if (runtime === "simulation") return;
    const limited = ["run", "--rm", "--pids-limit", "100", images.busybox];
    const threads = Number(await mocker.ok([...limited, "cat", "/proc/sys/kernel/threads-max"]));
    assert.ok(threads >= 100 && threads < 1000, `${threads} threads`);
  });
}
