import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import type { Suite } from "./suite.ts";

const mebibyte = 1024 * 1024;

function sha256(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

export function streamScenarios(get: () => Suite): void {
  test("stdout and stderr are kept apart", async () => {
    const { mocker, images } = get();
    const run = await mocker.run([
      "run",
      "--rm",
      images.busybox,
      "sh",
      "-c",
      "echo out; echo err >&2; echo out2",
    ]);
    assert.equal(run.stdout.toString(), "out\nout2\n");
    assert.match(run.stderr, /^err$/m);
  });

  test("1 MiB of random bytes comes back through stdin and stdout unchanged", async () => {
    const { mocker, images } = get();
    const data = randomBytes(mebibyte);
    const run = await mocker.run(["run", "--rm", "-i", images.busybox, "cat"], { stdin: data });
    assert.equal(run.code, 0, run.stderr);
    assert.equal(sha256(run.stdout), sha256(data));
  });

  test("16 MiB of output arrive whole", async () => {
    const { mocker, images } = get();
    const run = await mocker.run([
      "run",
      "--rm",
      images.busybox,
      "dd",
      "if=/dev/zero",
      "bs=1048576",
      "count=16",
    ]);
    assert.equal(run.code, 0, run.stderr);
    assert.equal(run.stdout.length, 16 * mebibyte);
  });

  test("clients that do not read hold up nobody else: not other execs, not the log, not the end of the VM", async () => {
    const { mocker, images } = get();
    const total = 12 * mebibyte;
    const script = `trap 'exit 7' TERM
      until [ -e /tmp/go ]; do echo up; sleep 0.2; done
      dd if=/dev/zero bs=1048576 count=12 2>/dev/null; echo; echo all said
      while :; do sleep 0.2; done`;
    await mocker.ok(["run", "-d", "--name", "talker", images.busybox, "sh", "-c", script]);
    const attached = mocker.start(["attach", "--no-stdin", "talker"]);
    await attached.waitForOutput(/up/);
    process.kill(attached.pid, "SIGSTOP");
    const flood = "echo begun; dd if=/dev/zero bs=1048576 count=64 2>/dev/null";
    const exec = mocker.start(["exec", "talker", "sh", "-c", flood]);
    await exec.waitForOutput(/begun/);
    process.kill(exec.pid, "SIGSTOP");
    assert.equal(await mocker.ok(["exec", "talker", "sh", "-c", "touch /tmp/go; echo gone"]), "gone\n");
    // The main process waits for its client for a while, as Docker's does for ever.
    await mocker.until(["logs", "--tail", "1", "talker"], /^all said$/m);
    assert.equal(await mocker.ok(["exec", "talker", "echo", "quick"]), "quick\n");
    const logs = await mocker.ok(["logs", "talker"]);
    assert.equal(logs.replaceAll("up\n", "").length, total + "\nall said\n".length);
    process.kill(attached.pid, "SIGCONT");
    assert.notEqual((await attached.exited).code, 0);
    assert.match(attached.stderr, /has not read the container's output for too long/);
    await mocker.ok(["stop", "talker"]);
    assert.equal((await mocker.ok(["wait", "talker"])).trim(), "7");
    process.kill(exec.pid, "SIGCONT");
    // Its end was that of the VM.
    assert.notEqual((await exec.exited).code, 0);
    await mocker.ok(["rm", "talker"]);
  });

  test("variables arrive unchanged: quotes and dollars, and 200 of 1 KiB", async () => {
    const { mocker, images } = get();
    const odd = `A=b c"d$e`;
    const many = Array.from({ length: 200 }, (_, n) => `MANY_${n}=${String(n).padStart(1024, "x")}`);
    const flags = [odd, ...many].flatMap((variable) => ["-e", variable]);
    const run = await mocker.run(["run", "--rm", ...flags, images.busybox, "env", "-0"]);
    assert.equal(run.code, 0, run.stderr);
    const seen = new Set(run.stdout.toString().split("\0"));
    for (const variable of [odd, ...many]) assert.ok(seen.has(variable), variable.slice(0, 40));
  });

  test("-u and -w", async () => {
    const { mocker, images } = get();
    const script = "id -u; id -g; pwd; touch /tmp/mine && stat -c %u:%g /tmp/mine";
    const run = await mocker.run([
      "run",
      "--rm",
      "-u",
      "1000:1000",
      "-w",
      "/usr",
      images.debian,
      "sh",
      "-c",
      script,
    ]);
    assert.equal(run.stdout.toString(), "1000\n1000\n/usr\n1000:1000\n", run.stderr);
    const unknown = await mocker.run(["run", "--rm", "-u", "nobody-here", images.busybox, "true"]);
    assert.equal(unknown.code, 125);
    assert.match(unknown.stderr, /nobody-here/);
  });

  test("the end of an attach's input ends a VM only where Docker ends it", async () => {
    const { mocker, images } = get();
    const script = 'while read line; do echo "heard $line"; done; echo end';
    await mocker.ok(["run", "-di", "--name", "listens", images.busybox, "sh", "-c", script]);
    for (const word of ["one", "two"]) {
      const client = mocker.start(["attach", "listens"], { stdin: "" });
      client.stdin.end(`${word}\n`);
      await mocker.until(["logs", "listens"], new RegExp(`heard ${word}\n`));
      client.kill();
      await client.exited;
    }
    assert.equal(await mocker.ok(["logs", "listens"]), "heard one\nheard two\n");
    assert.equal((await mocker.ok(["inspect", "-f", "{{.State.Status}}", "listens"])).trim(), "running");

    // Of `run -i` the input ends with that client's, and with no other's.
    const owner = mocker.start(["run", "-i", "--name", "owned", images.busybox, "sh", "-c", script], {
      stdin: "",
    });
    owner.stdin.write("one\n");
    await mocker.until(["logs", "owned"], /heard one\n/);
    const second = mocker.start(["attach", "owned"], { stdin: "" });
    second.stdin.end("two\n");
    await mocker.until(["logs", "owned"], /heard two\n/);
    owner.stdin.end("three\n");
    const run = await owner.exited;
    assert.equal(run.stdout.toString(), "heard one\nheard two\nheard three\nend\n", run.stderr);
    assert.deepEqual([run.code, (await second.exited).code], [0, 0]);
    await mocker.ok(["rm", "-f", "listens", "owned"]);
  });
}
