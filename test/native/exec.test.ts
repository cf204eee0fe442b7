import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { rootDir } from "../support/paths.ts";
import { retry } from "../support/retry.ts";
import { compiled } from "./compiled.ts";
import { AgentError, member, until, Vm } from "./vm.ts";

let vm: Vm | undefined;
afterEach(async () => {
  await vm?.dispose();
  vm = undefined;
});

async function sleeping(): Promise<Vm> {
  vm = await Vm.configured();
  await vm.start(["sleep", "1000"]);
  return vm;
}

test("two execs at once, each with its own input and output", async () => {
  const box = await sleeping();
  const [one, two] = await Promise.all([
    box.exec("one", ["cat"]),
    box.exec("two", ["sh", "-c", "cat >&2; exit 9"]),
  ]);
  const bytes = [randomBytes(300_000), randomBytes(300_000)] as const;
  one.write(bytes[0]);
  two.write(bytes[1]);
  one.endInput();
  two.endInput();
  assert.deepEqual(await Promise.all([one.exit, two.exit]), [{ code: 0 }, { code: 9 }]);
  const sha = (value: Buffer): string => createHash("sha256").update(value).digest("hex");
  assert.equal(sha(one.stdout), sha(bytes[0]));
  assert.equal(sha(two.stderr), sha(bytes[1]));
  await until(() => box.agentEvents.length === 2);
  const events = box.agentEvents.map((event) => member(event, "params"));
  assert.deepEqual(
    new Set(events.map((params) => `${member(params, "id")} ${member(params, "code")}`)),
    new Set(["one 0", "two 9"]),
  );
});

test("an exec sees the same machine, is not in the log, and does not end it", async () => {
  const box = await sleeping();
  const exec = await box.exec("e", ["sh", "-c", "ps; echo file >/tmp/x"]);
  await exec.exit;
  assert.match(exec.stdout.toString(), /mocker-agent[\s\S]*sleep 1000/);
  const other = await box.exec("f", ["cat", "/tmp/x"]);
  await other.exit;
  assert.equal(other.stdout.toString(), "file\n");
  assert.equal(box.logEntries().length, 0);
});

test("an exec whose client does not read stalls nobody else", async () => {
  const box = await sleeping();
  const slow = await box.exec("slow", ["sh", "-c", "yes | head -c 20000000"]);
  slow.keep = false;
  slow.socket.pause();
  let bytes = 0;
  slow.onOutput = (_type, piece) => {
    bytes += piece.length;
  };
  for (let i = 0; i < 5; i++) {
    const quick = await box.exec(`q${i}`, ["echo", "quick"]);
    assert.deepEqual(await quick.exit, { code: 0 });
    assert.equal(quick.stdout.toString(), "quick\n");
  }
  slow.socket.resume();
  assert.deepEqual(await slow.exit, { code: 0 });
  assert.equal(bytes, 20_000_000);
});

test("the guest's stream may come before the client's", async () => {
  const box = await sleeping();
  await box.request("exec", {
    stream: "late",
    argv: ["cat"],
    env: ["PATH=/bin"],
    cwd: "/",
    user: "",
    tty: false,
    stdin: true,
  });
  await sleep(50);
  const stream = box.stream("late");
  stream.write("hi");
  stream.endInput();
  assert.deepEqual(await stream.exit, { code: 0 });
  assert.equal(stream.stdout.toString(), "hi");
});

test("a detached exec needs no stream and reports its end", async () => {
  const box = await sleeping();
  await box.request("exec", {
    stream: "bg",
    argv: [
      "sh",
      "-c",
      "for i in 0 1 2; do [ /proc/$$/fd/$i -ef /dev/null ] && echo $i >>/tmp/fds; done; exit 4",
    ],
    env: ["PATH=/bin"],
    cwd: "/",
    detach: true,
  });
  await until(() => box.agentEvents.length > 0);
  assert.deepEqual(box.agentEvents[0], { event: "execExited", params: { id: "bg", code: 4 } });
  const check = await box.exec("c", ["cat", "/tmp/fds"]);
  await check.exit;
  assert.equal(check.stdout.toString(), "0\n1\n2\n");
});

test("an exec that cannot start", async () => {
  const box = await sleeping();
  const stream = box.stream("bad");
  await assert.rejects(
    box.request("exec", { stream: "bad", argv: ["nope"], env: [], cwd: "/" }),
    (error) => error instanceof AgentError && error.code === "NOT_FOUND",
  );
  assert.deepEqual(await stream.exit, {
    code: 127,
    reason: "start-failed",
    message: 'exec: "nope": executable file not found in $PATH',
  });
  await assert.rejects(box.request("exec", { stream: "cwd", argv: ["true"], env: [], cwd: "/nope" }), {
    code: "BAD_CWD",
    message: 'chdir to cwd ("/nope") set in config.json failed: no such file or directory',
  });
  await assert.rejects(box.request("exec", { stream: "main", argv: ["true"] }), { code: "INTERNAL" });
});

test("an exec whose program's file system does not answer holds nobody else up, and not for ever", async (t) => {
  const source = join(rootDir(), "test", "native", "lease-holder.c");
  const holder = await compiled("lease-holder", "cc", [source], [source]);
  vm = await Vm.configured({
    prepare: (lower) => writeFileSync(join(lower, "bin", "slow"), "#!/bin/true\n", { mode: 0o755 }),
  });
  const box = vm;
  await box.start(["sleep", "1000"]);
  const lease = spawn(holder, [join(box.lower, "bin", "slow")], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => lease.kill());
  await once(lease.stdout, "data");
  const stuck = box.request("exec", { stream: "stuck", argv: ["slow"], env: ["PATH=/bin"], cwd: "/" });
  const quick = await box.exec("quick", ["echo", "quick"]);
  assert.deepEqual(await quick.exit, { code: 0 });
  await box.request("signal", { target: "stuck", signal: 9 });
  assert.ok(await stuck);
  const late = box.request("exec", { stream: "late", argv: ["slow"], env: ["PATH=/bin"], startMs: 100 });
  await assert.rejects(
    late,
    (error) =>
      error instanceof AgentError && error.code === "NOT_STARTED" && /within 0 sec/.test(error.message),
  );
  const other = box.request("exec", { stream: "other", argv: ["slow"], env: ["PATH=/bin"], cwd: "/" });
  lease.kill();
  assert.ok(await other);
  await until(() => box.agentEvents.some((event) => member(member(event, "params"), "id") === "other"));
});

test("an exec's background child delays its end only for a moment", async () => {
  const box = await sleeping();
  const exec = await box.exec("e", ["sh", "-c", "(sleep 0.2; echo late; sleep 1000) & echo now"]);
  assert.deepEqual(await exec.exit, { code: 0 });
  assert.equal(exec.stdout.toString(), "now\nlate\n");
});

test("an exec is signalled by its id", async () => {
  const box = await sleeping();
  const exec = await box.exec("e", [
    "sh",
    "-c",
    "trap 'echo got; exit 7' USR1; echo up; while :; do sleep 0.02; done",
  ]);
  await exec.waitFor(/up/);
  await box.request("signal", { target: "e", signal: 10 });
  assert.deepEqual(await exec.exit, { code: 7 });
  await assert.rejects(box.request("signal", { target: "e", signal: 10 }), { code: "NOT_RUNNING" });
});

test("an exec goes on when its client leaves", async () => {
  const box = await sleeping();
  const exec = await box.exec("e", [
    "sh",
    "-c",
    "echo up; sleep 0.2; yes | head -c 1000000; echo here >/tmp/after",
  ]);
  await exec.waitFor(/up/);
  exec.socket.destroy();
  await until(() => box.agentEvents.length > 0);
  const check = await box.exec("c", ["cat", "/tmp/after"]);
  await check.exit;
  assert.equal(check.stdout.toString(), "here\n");
});

test("execs end with the main process and are told so", async () => {
  vm = await Vm.configured();
  await vm.start(["sh", "-c", "sleep 0.3"]);
  const exec = await vm.exec("e", ["sleep", "1000"]);
  assert.deepEqual(await exec.exit, { code: 137, signal: 9 });
  assert.equal(await vm.monitorExit, 0);
  assert.equal(vm.exitRecord().exitCode, 0);
});

test("fifty execs in a row leave nothing behind", async () => {
  const box = await sleeping();
  const fds = async (): Promise<number> => {
    const exec = await box.exec(`fds${Math.random()}`, ["sh", "-c", "ls /proc/1/fd | wc -l"]);
    await exec.exit;
    return Number(exec.stdout.toString());
  };
  const before = await fds();
  for (let i = 0; i < 50; i++) {
    const exec = await box.exec(`e${i}`, ["true"]);
    assert.deepEqual(await exec.exit, { code: 0 });
  }
  // An exec that has just ended may have descriptors yet, the one before the fifty, too.
  await retry(async () => (await fds()) <= before, { what: "all of them to be closed" });
});
