import assert from "node:assert/strict";
import { test } from "node:test";
import { trySecondTime } from "../../runner/second-try.ts";
import { Tally } from "../../runner/tally.ts";

/** Calls a function while what it prints is kept; returns that. */
async function printed(work: () => unknown): Promise<string> {
  const write = process.stdout.write;
  let text = "";
  process.stdout.write = (data: string | Uint8Array) => {
    text += data;
    return true;
  };
  try {
    await work();
  } finally {
    process.stdout.write = write;
  }
  return text;
}

function failing(tally: Tally, file: string, name: string, detail = "boo"): void {
  tally.fail(`${file} › ${name}`, detail, 1, { file, test: name });
}

const passing = new Tally();
passing.passed = 1;

test("a file that passes alone counts as passed, and its first failures are reported", async () => {
  const tally = new Tally();
  const calls: string[] = [];
  const output = await printed(async () => {
    tally.pass("good");
    failing(tally, "test/unit/a.test.ts", "one", "first\nsecond line");
    failing(tally, "test/unit/a.test.ts", "two");
    await trySecondTime(tally, async (suite, pattern) => {
      calls.push(`${suite} ${pattern}`);
      return passing;
    });
    assert.equal(tally.report(), 0);
  });
  assert.deepEqual(calls, ["unit test/unit/a.test.ts"]);
  assert.match(
    output,
    /^Flaky \(failed beside other suites, passed alone\):\n {2}test\/unit\/a.test.ts › one\n {4}first\n {4}second line$/m,
  );
  assert.doesNotMatch(output, /=== FAILED/);
  assert.match(output, /\n3 passed, 0 failed\n$/);
});

test("a file that fails again, or in which nothing runs, has failed", async () => {
  for (const again of ["fails", "does not run"]) {
    const tally = new Tally();
    const output = await printed(async () => {
      failing(tally, "test/native/a.test.ts", "one");
      failing(tally, "test/engine/b.test.ts", "two");
      await trySecondTime(tally, async (suite) => {
        if (suite === "engine") return passing;
        const second = new Tally();
        if (again === "fails") failing(second, "test/native/a.test.ts", "one");
        return second;
      });
      assert.equal(tally.report(), 1);
    });
    assert.match(output, /=== FAILED: test\/native\/a.test.ts › one\nboo/);
    assert.match(output, /\nFailed:\n {2}test\/native\/a.test.ts › one: boo\n\n1 passed, 1 failed\n$/);
  }
});

test("of the lab's tests those that failed are run again, together, by name", async () => {
  const tally = new Tally();
  const patterns: string[] = [];
  await printed(async () => {
    failing(tally, "test/lab/workload.test.ts", "cp: out of a VM (or not)");
    failing(tally, "test/lab/user/owners.test.ts", "owners");
    await trySecondTime(tally, async (_, pattern) => {
      patterns.push(pattern);
      return passing;
    });
  });
  assert.equal(patterns.length, 1);
  const pattern = new RegExp(patterns[0] ?? "");
  assert.match("cp: out of a VM (or not)", pattern);
  assert.match("owners", pattern);
  assert.doesNotMatch("cp: into a VM", pattern);
  assert.deepEqual(tally.failures, []);
});

test("what is no test's failure is not tried again, nor is anything when very much fails", async () => {
  const never = () => assert.fail("tried again");
  const tally = new Tally();
  await printed(async () => {
    tally.fail("check: tsc", "wrong");
    tally.fail("lab", "does not boot");
    tally.fail("lab: test/lab/workload.test.ts", "did not run", undefined, {
      file: "test/lab/workload.test.ts",
    });
    await trySecondTime(tally, never);
    for (let number = 0; number < 21; number++) failing(tally, `test/unit/${number}.test.ts`, "one");
    await trySecondTime(tally, never);
  });
  assert.equal(tally.failures.length, 24);
});
