/**
 * Runs the suite with mocha: `main.cjs [--grep PATTERN] FILE…`; one record a test, as test/run.ts reads them.
 */
import { inspect, parseArgs } from "node:util";
import Mocha from "mocha";
import type { TestRecord } from "../runner/test-record.ts";

const { values, positionals } = parseArgs({ options: { grep: { type: "string" } }, allowPositionals: true });

function write(record: TestRecord): void {
  process.stdout.write(`\x1e${JSON.stringify(record)}\x1f`);
}

/** Of each test file, with its hooks. */
const fileMs = new Map<string, number>();

class Records extends Mocha.reporters.Base {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const began = new Map<Mocha.Suite, number>();
    runner.on(Mocha.Runner.constants.EVENT_SUITE_BEGIN, (suite) => began.set(suite, performance.now()));
    runner.on(Mocha.Runner.constants.EVENT_SUITE_END, (suite) => {
      if (suite.parent?.root !== true) return;
      const ms = performance.now() - (began.get(suite) ?? 0);
      fileMs.set(suite.file ?? "", (fileMs.get(suite.file ?? "") ?? 0) + ms);
    });
    const common = (of: Mocha.Runnable) => ({ name: of.fullTitle(), nesting: 1, file: of.file ?? "" });
    runner.on(Mocha.Runner.constants.EVENT_TEST_BEGIN, (test) => {
      write({ event: "begin", ...common(test) });
      write({ event: "start", ...common(test) });
    });
    runner.on(Mocha.Runner.constants.EVENT_TEST_PASS, (test) =>
      write({ event: "pass", ...common(test), suite: false, durationMs: test.duration ?? 0 }),
    );
    runner.on(Mocha.Runner.constants.EVENT_TEST_FAIL, (failed: Mocha.Runnable, error: unknown) => {
      // A hook before or after each test fails that test; one of a suite has no beginning.
      const isHook = (failed as { type?: string }).type === "hook";
      const test = (isHook && / each" hook/.test(failed.title) && failed.ctx?.currentTest) || failed;
      if (test === failed && isHook) write({ event: "start", ...common(test) });
      write({
        event: "fail",
        ...common(test),
        suite: false,
        durationMs: test.duration ?? 0,
        error: error instanceof Error ? `${error.stack}` : inspect(error),
      });
    });
    runner.on(Mocha.Runner.constants.EVENT_TEST_PENDING, (test) => {
      write({ event: "start", ...common(test) });
      write({ event: "pass", ...common(test), suite: false, skip: true });
    });
  }
}

const mocha = new Mocha({
  reporter: Records,
  // Only for what hangs.
  timeout: 300_000,
  slow: 300_000,
  ...(values.grep === undefined ? {} : { grep: new RegExp(values.grep) }),
});
for (const file of positionals) mocha.addFile(file);
mocha.run((failures) => {
  for (const file of positionals) {
    write({ event: "pass", name: file, nesting: 0, file, suite: true, durationMs: fileMs.get(file) ?? 0 });
  }
  process.exit(failures > 0 ? 1 : 0);
});
