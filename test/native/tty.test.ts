import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Vm } from "./vm.ts";

let vm: Vm | undefined;
afterEach(async () => {
  await vm?.dispose();
  vm = undefined;
});

test("a terminal has a size, can be resized, and says so", async () => {
  vm = await Vm.configured();
  const stream = vm.attach();
  await vm.start(
    ["sh", "-c", "tty; stty size; trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.05; done"],
    {
      tty: true,
      rows: 33,
      cols: 99,
    },
  );
  await stream.waitFor(/ready/);
  assert.equal(stream.stdout.toString(), "/dev/pts/0\r\n33 99\r\nready\r\n");
  await vm.request("resize", { target: "main", rows: 44, cols: 120 });
  assert.deepEqual(await stream.exit, { code: 5 });
  assert.match(stream.stdout.toString(), /ready\r\n44 120\r\n$/);
  assert.equal(stream.stderr.length, 0);
});

test("^C interrupts, ^D ends the input, and the end of the input is a ^D", async () => {
  vm = await Vm.configured();
  const stream = vm.attach();
  await vm.start(["sh", "-c", "trap 'echo INT' INT; cat; echo one; cat; echo two; cat; echo three"], {
    tty: true,
  });
  stream.write("first\n");
  await stream.waitFor(/first\r\nfirst/);
  stream.write("\x03");
  await stream.waitFor(/INT\r\none/);
  stream.write("\x04");
  await stream.waitFor(/two/);
  stream.endInput();
  assert.deepEqual(await stream.exit, { code: 0 });
  assert.match(stream.stdout.toString(), /three\r\n$/);
});

test("an exec has a terminal of its own, and of its user", async () => {
  vm = await Vm.configured();
  await vm.start(["sleep", "100"]);
  const exec = await vm.exec(
    "e1",
    ["sh", "-c", "tty; stat -c %U:%a $(tty); echo 2>&1 x >/dev/tty; sleep 0.2; stty size"],
    {
      tty: true,
      user: "alice",
    },
  );
  await vm.request("resize", { target: "e1", rows: 10, cols: 20 });
  assert.deepEqual(await exec.exit, { code: 0 });
  assert.equal(exec.stdout.toString(), "/dev/pts/0\r\nalice:620\r\nx\r\n10 20\r\n");
});

test("a process without a terminal cannot be resized", async () => {
  vm = await Vm.configured();
  await vm.start(["sleep", "100"]);
  await assert.rejects(vm.request("resize", { target: "main", rows: 1, cols: 1 }), {
    message: "the process has no terminal",
  });
});

test("much output through a terminal arrives complete", async () => {
  vm = await Vm.configured();
  const { stdout } = await vm.run(["seq", "1", "100000"], { tty: true });
  const wanted = Array.from({ length: 100_000 }, (_, i) => `${i + 1}\r\n`).join("");
  assert.equal(stdout, wanted);
});
