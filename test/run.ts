import { parseArguments, type Selection, type Suite, usage } from "./runner/arguments.ts";
import { checkSuite } from "./runner/check-suite.ts";
import { runCommand } from "./runner/child.ts";
import { engineSuite } from "./runner/engine-suite.ts";
import { extensionSuite } from "./runner/extension-suite.ts";
import { labSuite, needsLab } from "./runner/lab-suite.ts";
import { lanesOf } from "./runner/lanes.ts";
import { closeRunDirectories } from "./runner/run-directory.ts";
import { trySecondTime } from "./runner/second-try.ts";
import { SetUp, stepsOf } from "./runner/set-up.ts";
import { SuiteRun } from "./runner/suite-run.ts";
import { Tally } from "./runner/tally.ts";
import { SetupError } from "./support/host.ts";

const buildLimitMs = 20 * 60_000;

const works: Record<Suite, (run: SuiteRun) => Promise<void>> = {
  check: checkSuite,
  unit: nodeSuite,
  native: nodeSuite,
  engine: engineSuite,
  extension: extensionSuite,
  lab: labSuite,
};

const tally = new Tally();

async function main(): Promise<number> {
  const selection = parseArguments(process.argv.slice(2));
  if (selection === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      closeRunDirectories();
      process.exit(130);
    });
  }
  await runSuites(selection);
  return tally.report();
}

async function runSuites(selection: Selection): Promise<void> {
  const { count, order } = lanesOf(selection.suites);
  const setUp = new SetUp(tally);
  const stepsFor = (suite: Suite) => stepsOf(suite, needsLab(selection.forceLab));
  // Mostly downloads, which leave the CPUs to the build.
  const early = count > 1 ? selection.suites.flatMap(stepsFor).map((step) => setUp.take(step)) : [];
  if (!(await tally.times.part("build", build))) {
    await Promise.all(early);
    return;
  }
  const lane = async (): Promise<void> => {
    for (let suite = order.shift(); suite !== undefined; suite = order.shift()) {
      const ready = await Promise.all(stepsFor(suite).map((step) => setUp.take(step)));
      if (suite !== "check") await setUp.settled("fixture images");
      if (ready.every((done) => done)) await runSuite(suite, selection, tally);
    }
  };
  await Promise.all(Array.from({ length: count }, lane));
  if (selection.pattern !== undefined) return;
  await trySecondTime(tally, async (suite, pattern) => {
    const second = new Tally();
    await runSuite(suite, { ...selection, pattern }, second, `second try: ${suite} ${pattern}`);
    return second;
  });
}

async function build(): Promise<boolean> {
  const problem = await runCommand("npm", ["run", "build"], buildLimitMs);
  if (problem !== undefined) tally.fail("npm run build", problem);
  return problem === undefined;
}

/** Counts what keeps a suite from running as a failure, so that the other suites run all the same. */
async function runSuite(
  suite: Suite,
  selection: Selection,
  into: Tally,
  part: string = suite,
): Promise<void> {
  const run = new SuiteRun(suite, selection, into);
  try {
    await tally.times.part(part, () => works[suite](run));
  } catch (error) {
    into.fail(suite, error instanceof SetupError ? error.message : String((error as Error)?.stack ?? error));
  } finally {
    run.close();
  }
}

async function nodeSuite(run: SuiteRun): Promise<void> {
  const bundles = await run.bundles();
  if (bundles !== undefined) await run.runFiles(run.suite, bundles);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stdout.write(`${String((error as Error)?.stack ?? error)}\n`);
    tally.fail("test run", "could not go on: see above");
    process.exitCode = tally.report();
  },
);
