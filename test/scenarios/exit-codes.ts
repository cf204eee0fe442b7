import assert from "node:assert/strict";
import { release } from "node:os";
import { test } from "node:test";
import type { Suite } from "./suite.ts";

export function exitCodeScenarios(get: () => Suite): void {
  test("uname -r names the guest's kernel", async () => {
    const { runtime, mocker, images } = get();
    const run = await mocker.run(["run", "--rm", images.debian, "uname", "-r"]);
    assert.equal(run.code, 0, run.stderr);
    const kernel = run.stdout.toString().trim();
    if (runtime === "krun") {
      assert.notEqual(kernel, release());
      assert.equal(
        kernel,
        JSON.parse((await mocker.ok(["info", "--format", "json"])).trim()).guestKernelVersion,
      );
      assert.doesNotMatch(run.stderr, /simulation/);
    } else {
      assert.equal(kernel, release());
      assert.match(run.stderr, /simulation/);
    }
  });

  for (const [what, command, code, stderr] of [
    ["the workload's own code", ["sh", "-c", "exit 7"], 7, /^/],
    ["127 for a missing path", ["/no/such/path"], 127, /\/no\/such\/path/],
    ["126 for a directory", ["/etc"], 126, /"\/etc": (is a directory|permission denied)/],
    ["137 for a killed workload", ["sh", "-c", "kill -9 $$"], 137, /^/],
    ["143 for a terminated workload", ["sh", "-c", "kill -15 $$"], 143, /^/],
  ] as [string, string[], number, RegExp][]) {
    test(`exit status: ${what}`, async () => {
      const { mocker, images } = get();
      const run = await mocker.run(["run", "--rm", images.busybox, ...command]);
      assert.equal(run.code, code, run.stderr);
      assert.match(run.stderr, stderr);
      assert.doesNotMatch(run.stderr, /\n\s+at /, "a stack trace");
    });
  }

  test("a bad flag is 125 and named", async () => {
    const { mocker, images } = get();
    const run = await mocker.run(["run", "--no-such-flag", images.busybox, "true"]);
    assert.equal(run.code, 125);
    assert.match(run.stderr, /unknown flag: --no-such-flag/);
  });

  test("a missing command is 127; its start leaves nothing with --rm, and a record without", async () => {
    const { mocker, images } = get();
    const gone = await mocker.run(["run", "--rm", "--name", "gone", images.busybox, "no-such-command"]);
    assert.equal(gone.code, 127);
    const kept = await mocker.run(["run", "--name", "kept", images.busybox, "no-such-command"]);
    assert.equal(kept.code, 127);
    assert.match(kept.stderr, /exec: "no-such-command": executable file not found/);
    assert.doesNotMatch(kept.stderr, /\n\s+at /, "a stack trace");
    assert.deepEqual((await mocker.ok(["ps", "-a", "--format", "{{.Names}}"])).split("\n").filter(Boolean), [
      "kept",
    ]);
    await mocker.ok(["rm", "kept"]);
  });
}
