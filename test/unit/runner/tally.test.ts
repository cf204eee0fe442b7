import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SuiteTally, Tally } from "../../runner/tally.ts";
import { rootDir } from "../../support/paths.ts";
import { tmpDir } from "../../support/tmp-dir.ts";

const header = `const { test, describe } = require("node:test");\n`;
const files: Record<string, string> = {
  good: `${header}test("one", () => {}); describe("group", () => { test("two", () => {}); });`,
  bad: `${header}test("wrong", () => { throw new Error("boo"); }); test("right", () => {});`,
  skipping: `${header}test("later", { skip: "no such hardware" }, () => {});`,
  crashing: `${header}test("before", () => {}); test("crash", () => process.kill(process.pid, "SIGKILL"));`,
  leaving: `${header}test("leaves", async () => { setTimeout(() => process.exit(0), 10); await new Promise(() => {}); });`,
  late: `${header}test("fine", async () => { setTimeout(() => { throw new Error("late"); }, 5);\n await new Promise((r) => setTimeout(r, 50)); });`,
  empty: "",
  broken: "throw new Error('cannot load')",
};

/** Runs files as test/run.ts does, and counts. */
function count(names: string[], oneProcess: boolean): Tally {
  const folder = tmpDir();
  mkdirSync(join(folder, "t"));
  const sources = new Map<string, string>();
  const paths = names.map((name) => {
    const path = join(folder, "t", `${name}.cjs`);
    writeFileSync(path, files[name] ?? "");
    sources.set(path, name).set(name, name);
    return path;
  });
  const all = join(folder, "all.cjs");
  const each = JSON.stringify(names.map((name, index) => [name, paths[index]]));
  writeFileSync(
    all,
    `for (const [name, file] of ${each}) require("node:test").describe(name, () => void require(file));`,
  );
  const reporter = `--test-reporter=${join(rootDir(), "test/runner/reporter.mjs")}`;
  // This test runs under node --test itself, which tells its children so.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawnSync(process.execPath, [reporter, ...(oneProcess ? [all] : ["--test", ...paths])], {
    env,
  });
  const write = process.stdout.write;
  process.stdout.write = () => true;
  try {
    const tally = new Tally();
    const suite = new SuiteTally(tally, "suite", sources);
    suite.read(child.stdout);
    suite.end(
      child.status === 0 || child.status === 1 ? undefined : `ended with ${child.status ?? child.signal}`,
    );
    return tally;
  } finally {
    process.stdout.write = write;
  }
}

for (const oneProcess of [false, true]) {
  const how = oneProcess ? "all files in one process" : "one process per file";

  test(`${how}: passes, failures and skips are counted one by one`, () => {
    const tally = count(["good", "bad", "skipping"], oneProcess);
    assert.equal(tally.passed, 3);
    assert.deepEqual(
      tally.failures.map(({ title }) => title),
      ["suite: bad › wrong"],
    );
    assert.match(tally.failures[0]?.detail ?? "", /boo/);
    assert.deepEqual(tally.skipped, [{ title: "suite: skipping › later", reason: "no such hardware" }]);
  });

  for (const name of ["crashing", "leaving", "late", "empty", "broken"]) {
    test(`${how}: a file that is ${name} is a failure`, () => {
      const tally = count(["good", name], oneProcess);
      const ofIt = tally.failures.filter(({ title }) => title.startsWith(`suite: ${name}`));
      assert.ok(ofIt.length > 0);
      // A killed process may take what earlier files reported down with it.
      if (!oneProcess) assert.deepEqual(tally.failures, ofIt);
    });
  }
}

test("files that never ran because an earlier one took the process down are failures", () => {
  const tally = count(["crashing", "good"], true);
  assert.ok(tally.failures.some(({ title }) => title === "suite: good"));
});
