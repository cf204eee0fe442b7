import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until, Vm } from "./vm.ts";

let vm: Vm | undefined;
afterEach(async () => {
  await vm?.dispose();
  vm = undefined;
});

test("lines, partial lines and empty lines", async () => {
  vm = await Vm.configured();
  await vm.run(["printf", "one\n\ntwo\r\nthree"]);
  await vm.monitorExit;
  assert.deepEqual(
    vm.logEntries().map((entry) => [entry.full ? "F" : "P", entry.bytes.toString()]),
    [
      ["F", "one"],
      ["F", ""],
      ["F", "two\r"],
      ["P", "three"],
    ],
  );
});

test("a prompt without a newline is in the log within moments", async () => {
  vm = await Vm.configured();
  const stream = vm.attach();
  await vm.start(["sh", "-c", "printf 'name? '; read x; echo hello $x"]);
  await stream.waitFor(/name/);
  await until(() => (vm as Vm).logged("stdout").toString() === "name? ", 400);
  stream.write("bob\n");
  await stream.exit;
  await vm.monitorExit;
  assert.deepEqual(
    vm.logEntries().map((entry) => [entry.full, entry.bytes.toString()]),
    [
      [false, "name? "],
      [true, "hello bob"],
    ],
  );
});

test("any bytes can be had back: NUL, newlines, halves of characters, both streams", async () => {
  vm = await Vm.configured();
  const bytes = randomBytes(500_000);
  for (let i = 0; i < bytes.length; i += 97) bytes[i] = i % 2 ? 10 : 0;
  const stream = vm.attach();
  await vm.start(["sh", "-c", "cat >/tmp/all; cat /tmp/all & cat /tmp/all >&2; wait"]);
  stream.write(bytes);
  stream.endInput();
  await stream.exit;
  await vm.monitorExit;
  const [out, err] = [vm.logged("stdout"), vm.logged("stderr")];
  assert.ok(out.equals(bytes) && err.equals(bytes));
  assert.ok(stream.stdout.equals(bytes) && stream.stderr.equals(bytes));
});

test("a line longer than 16 KiB is cut into parts of 16 KiB", async () => {
  vm = await Vm.configured();
  await vm.run(["sh", "-c", "head -c 40000 /dev/zero; echo end"]);
  await vm.monitorExit;
  assert.deepEqual(
    vm.logEntries().map((entry) => [entry.full, entry.bytes.length]),
    [
      [false, 16_384],
      [false, 16_384],
      [true, 40_003 - 2 * 16_384],
    ],
  );
});

test("many short lines cost at most twice their bytes", async () => {
  vm = await Vm.configured();
  const { stdout } = await vm.run(["seq", "1", "20000"]);
  await vm.monitorExit;
  assert.equal(vm.logged("stdout").toString(), stdout);
  const { size } = statSync(join(vm.stateDir, "log"));
  assert.ok(size <= 2 * stdout.length, `${size} bytes for ${stdout.length}`);
});

test("a VM without a log has no file for it", async () => {
  vm = await Vm.configured({ logKept: false });
  const { stdout } = await vm.run(["echo", "shown"]);
  await vm.monitorExit;
  assert.equal(stdout, "shown\n");
  assert.ok(!existsSync(join(vm.stateDir, "log")));
});

test("a log that cannot be rotated keeps its older files, and is rotated when it can be", async () => {
  vm = await Vm.configured({ logMaxBytes: 20_000, logMaxFiles: 3 });
  // Nothing can be opened in its place.
  mkdirSync(join(vm.stateDir, "log~"));
  const stream = vm.attach();
  await vm.start(["sh", "-c", "seq 1 10000; read x; seq 10001 20000"]);
  await stream.waitFor(/10000\n$/);
  assert.ok(!existsSync(join(vm.stateDir, "log.1")));
  assert.ok(vm.logged("stdout").equals(stream.stdout));
  rmdirSync(join(vm.stateDir, "log~"));
  stream.write("\n");
  await stream.exit;
  await vm.monitorExit;
  assert.ok(existsSync(join(vm.stateDir, "log.1")));
  assert.ok(stream.stdout.toString().endsWith(vm.logged("stdout").toString()));
});

test("a generation says how much was before it", async () => {
  vm = await Vm.configured({ logMaxBytes: 20_000, logMaxFiles: 2 });
  await vm.run(["seq", "1", "20000"]);
  await vm.monitorExit;
  const before = (name: string): number =>
    Number(/^# (\d+)\n/.exec(readFileSync(join((vm as Vm).stateDir, name), "latin1"))?.[1]);
  assert.ok(before("log.1") > 0);
  assert.equal(before("log"), before("log.1") + statSync(join(vm.stateDir, "log.1")).size);
});

test("time stamps do not go back", async () => {
  vm = await Vm.configured();
  const before = new Date().toISOString();
  await vm.run(["sh", "-c", "for i in $(seq 20); do echo $i; sleep 0.01; done"]);
  await vm.monitorExit;
  const times = vm.logEntries().map((entry) => entry.time);
  assert.deepEqual(times, [...times].sort());
  assert.ok((times[0] as string) >= before && (times.at(-1) as string) <= new Date().toISOString());
  assert.ok(new Set(times).size > 10);
});

test("the log rotates, keeps the newest, and loses nothing before that", async () => {
  vm = await Vm.configured({ logMaxBytes: 100_000, logMaxFiles: 3 });
  const { stdout } = await vm.run(["seq", "1", "100000"]);
  await vm.monitorExit;
  const names = ["log", "log.1", "log.2"];
  for (const name of names) {
    const { size } = statSync(join(vm.stateDir, name));
    assert.ok(size > 0 && size <= 100_000, `${name}: ${size}`);
  }
  assert.ok(!existsSync(join(vm.stateDir, "log.3")));
  const kept = vm.logged("stdout").toString();
  assert.ok(kept.length > 10_000 && stdout.endsWith(kept));
});

test("with room for one file only the newest is kept", async () => {
  vm = await Vm.configured({ logMaxBytes: 5000, logMaxFiles: 1 });
  const { stdout } = await vm.run(["seq", "1", "2000"]);
  await vm.monitorExit;
  assert.ok(!existsSync(join(vm.stateDir, "log.1")));
  assert.ok(stdout.endsWith(vm.logged("stdout").toString()));
});

test("an entry cut off by a crash is taken away, and does not spoil the next", async () => {
  vm = await Vm.configured();
  await vm.run(["echo", "first"]);
  await vm.monitorExit;
  writeFileSync(join(vm.stateDir, "log"), "2026-01-01T00:00:00.000000000Z stdout P half an en");
  await vm.restart();
  await vm.configure();
  await vm.run(["echo", "second"]);
  await vm.monitorExit;
  assert.equal(vm.logged("stdout").toString(), "second\n");
});

test("output goes on while nobody watches", async () => {
  vm = await Vm.configured();
  vm.dropControl();
  await vm.connect();
  await vm.start(["sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.05; done"]);
  vm.dropControl();
  await vm.monitorExit;
  await sleep(0);
  assert.equal(vm.logged("stdout").toString(), "1\n2\n3\n4\n5\n");
});
