import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FrameType } from "../../engine/protocol/stream.ts";
import { until, Vm } from "./vm.ts";

let vm: Vm | undefined;
afterEach(async () => {
  await vm?.dispose();
  vm = undefined;
});

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("1 MiB of input, binary, and back", async () => {
  vm = await Vm.configured();
  const bytes = randomBytes(1 << 20);
  const stream = vm.attach();
  await vm.start(["cat"]);
  for (let at = 0; at < bytes.length; at += 100_000) stream.write(bytes.subarray(at, at + 100_000));
  stream.endInput();
  assert.deepEqual(await stream.exit, { code: 0 });
  assert.equal(sha256(stream.stdout), sha256(bytes));
  await vm.monitorExit;
  assert.equal(sha256(vm.logged("stdout")), sha256(bytes));
});

test("input sent before the process is started reaches it", async () => {
  vm = await Vm.configured();
  const stream = vm.attach();
  stream.write("early\n");
  stream.endInput();
  await sleep(20);
  await vm.start(["cat"]);
  await stream.exit;
  assert.equal(stream.stdout.toString(), "early\n");
});

test("without stdin the input is empty", async () => {
  vm = await Vm.configured();
  const stream = vm.attach();
  stream.write("ignored");
  await vm.start(["sh", "-c", "readlink /proc/self/fd/0; cat"], { stdin: false });
  await stream.exit;
  assert.equal(stream.stdout.toString(), "/dev/null\n");
});

test("input that the process does not read is bounded and lost at its end", async () => {
  vm = await Vm.configured();
  const stream = vm.attach();
  await vm.start(["sh", "-c", "echo up; sleep 0.5; exit 3"]);
  await stream.waitFor(/up/);
  for (let i = 0; i < 64; i++) stream.write(Buffer.alloc(1 << 20));
  assert.deepEqual(await stream.exit, { code: 3 });
});

test("standard output and error are kept apart", async () => {
  vm = await Vm.configured();
  const { stdout, stderr } = await vm.run(["sh", "-c", "for i in 1 2 3; do echo o$i; echo e$i >&2; done"]);
  assert.equal(stdout, "o1\no2\no3\n");
  assert.equal(stderr, "e1\ne2\ne3\n");
});

test("64 MiB of output arrive complete at a client, in the log, and at a client that is slow", async () => {
  vm = await Vm.configured();
  const total = 64 << 20;
  const fast = vm.attach();
  const slow = vm.attach();
  const hashes = [fast, slow].map((stream) => {
    const state = { hash: createHash("sha256"), bytes: 0 };
    stream.keep = false;
    stream.onOutput = (type, bytes) => {
      assert.equal(type, FrameType.stdout);
      state.hash.update(bytes);
      state.bytes += bytes.length;
    };
    return state;
  });
  // Stops reading for a moment, ten times over.
  let pauses = 0;
  slow.socket.on("data", () => {
    if (pauses >= 10 || (hashes[1]?.bytes ?? 0) < pauses * 1_000_000) return;
    pauses++;
    slow.socket.pause();
    setTimeout(() => slow.socket.resume(), 50);
  });
  const began = Date.now();
  await vm.start(["sh", "-c", `yes 0123456789abcdefghijklmnopqrstuvwxyz | head -c ${total}`]);
  await Promise.all([fast.exit, slow.exit]);
  const seconds = (Date.now() - began) / 1000;
  assert.deepEqual(
    hashes.map((state) => state.bytes),
    [total, total],
  );
  const [first, second] = hashes.map((state) => state.hash.digest("hex"));
  assert.equal(first, second);
  await vm.monitorExit;
  assert.equal(sha256(vm.logged("stdout")), first);
  assert.equal(pauses, 10);
  assert.ok(seconds < 60, `${seconds} s`);
});

test("a client that does not read holds the process back for a while and is let go; the log has everything", async () => {
  vm = await Vm.configured();
  const stuck = vm.attach();
  stuck.socket.pause();
  const total = 50_000_000;
  await vm.start(["sh", "-c", `head -c ${total} /dev/zero; echo end >&2; read _`]);
  const { pid } = vm.monitor;
  const rss = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  const sanitized = readFileSync(`/proc/${pid}/maps`, "utf8").includes("libasan");
  const limit = sanitized ? 200_000 : 32_000;
  await until(() => (vm as Vm).logged("stdout").length > 8 << 20);
  await sleep(500);
  assert.equal(vm.logged("stderr").length, 0);
  assert.ok(rss() < limit, `${rss()} KiB`);
  // The others are not held.
  const exec = await vm.exec("e", ["echo", "quick"]);
  assert.deepEqual(await exec.exit, { code: 0 });
  await until(() => (vm as Vm).logged("stderr").length > 0, 60_000);
  assert.ok(rss() < limit, `${rss()} KiB`);
  assert.equal(vm.logged("stdout").length, total);
  // What the client gets in the end is a beginning of it, and why it is not all.
  const last = new Promise<string>((done) => {
    stuck.onError = done;
  });
  stuck.socket.resume();
  assert.match(await last, /has not read the container's output for too long/);
  assert.ok(stuck.stdout.length > 8 << 20 && stuck.stdout.length < total, `${stuck.stdout.length}`);
  const other = vm.attach();
  other.write("\n");
  assert.deepEqual(await other.exit, { code: 0 });
  assert.equal(await vm.monitorExit, 0);
});

test("a client that never reads does not keep a VM that is stopped from its end", async () => {
  vm = await Vm.configured();
  const stuck = vm.attach();
  stuck.socket.pause();
  await vm.start([
    "sh",
    "-c",
    "trap 'echo bye >&2; exit 7' TERM; while :; do head -c 1000000 /dev/zero; done",
  ]);
  await until(() => (vm as Vm).logged("stdout").length > 8 << 20);
  await vm.request("stop", { signal: 15, graceMs: 20_000 });
  assert.equal(await vm.monitorExit, 0);
  assert.equal(vm.exitRecord().exitCode, 7);
  assert.equal(vm.logged("stderr").toString(), "bye\n");
});

test("a process whose client is gone goes on", async () => {
  vm = await Vm.configured();
  await vm.start(["sleep", "1000"]);
  const exec = await vm.exec("e", ["sh", "-c", "echo up; head -c 2000000 /dev/zero; touch /tmp/done"]);
  exec.socket.pause();
  await sleep(100);
  exec.socket.destroy();
  const waiting = await vm.exec("w", ["sh", "-c", "while [ ! -e /tmp/done ]; do sleep 0.02; done"]);
  assert.deepEqual(await waiting.exit, { code: 0 });
});

test("a later client gets the last 64 KiB, and one after the exit the exit", async () => {
  vm = await Vm.configured();
  const first = vm.attach();
  await vm.start(["sh", "-c", "seq 1 50000; read _; echo err >&2; cat >/dev/null"]);
  await first.waitFor(/\n50000\n/);
  // Not before: two streams have no order.
  first.write("\n");
  await until(() => first.stderr.length > 0);
  const late = vm.attach({ replayBytes: 1000 });
  await until(() => late.stderr.length > 0);
  assert.equal(late.stdout.length + late.stderr.length, 1000);
  assert.ok(first.stdout.toString().endsWith(late.stdout.toString()));
  const all = vm.attach({ replayBytes: 1e9 });
  await until(() => all.stderr.length > 0);
  assert.equal(all.stdout.length + all.stderr.length, 65_536);
  const none = vm.attach({ replayBytes: 0 });
  none.endInput();
  assert.deepEqual(await none.exit, { code: 0 });
  assert.equal(none.stdout.length, 0);
});

test("two clients both can write", async () => {
  vm = await Vm.configured();
  const [one, two] = [vm.attach(), vm.attach()];
  await vm.start(["cat"]);
  one.write("one\n");
  await two.waitFor(/one\n/);
  two.write("two\n");
  await one.waitFor(/two\n/);
  const watcher = vm.attach({ stdin: false });
  watcher.endInput();
  two.endInput();
  assert.deepEqual(await one.exit, { code: 0 });
});
